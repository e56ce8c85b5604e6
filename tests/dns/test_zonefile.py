"""Zone text as people write it: every reasonable spelling is read, and one bad line spoils no other."""

from __future__ import annotations

import pytest

from filterd.core.lookup import Answer, RRType, Status, question
from filterd.dns.zone import Zone


def answer(text: str, name: str, kind: str) -> Answer:
    zone = Zone(text)
    assert zone.problems == ()
    return zone.ask(question(name, RRType[kind]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('x.example. 300 IN TXT "v=spf1 -all"', b"v=spf1 -all"),
        ('x.example. IN 300 TXT "v=spf1 -all"', b"v=spf1 -all"),
        ('X.EXAMPLE. in txt "v=spf1 -all"', b"v=spf1 -all"),
        ("x.example TXT v=spf1 -all", b"v=spf1 -all"),
        ("x.example TXT v=DMARC1; p=none; rua=mailto:a@b.example ; note", b"v=DMARC1; p=none; rua=mailto:a@b.example"),
        ('x.example TXT "v=DMARC1; p=none";note', b"v=DMARC1; p=none"),
        ('x.example TXT "a" "b"\t"c" ; note', b"abc"),
        ('x.example TXT "a""b"', b"ab"),
        ('x.example TXT ( "v=DKIM1; k=rsa; " ; one\n  "p=AAAA" ) ; two', b"v=DKIM1; k=rsa; p=AAAA"),
        ('x.example TXT ("a"\n"b")', b"ab"),
        ('x.example TXT "' + "k" * 600 + '"', b"k" * 600),
        ('x.example TXT "say \\"hi\\" \\\\ \\059"', b'say "hi" \\ ;'),
        ("x.example TXT a\\;b", b"a;b"),
        ('x.example TXT "TIMEOUT"', b"TIMEOUT"),
        ('x.example TXT ""', b""),
        ('x.example TXT "smile :)"', b"smile :)"),
        ('x.example TXT "b\u00fccher"', "b\u00fccher".encode()),
        ('$ORIGIN example.\n$TTL 1h30m\nx TXT "deep"', b"deep"),
        ('$origin example.\n@ SOA ns h 1 2 3 4 5\nx IN TXT "deep"', b"deep"),
        ('$ORIGIN x.example.\n@ TXT "apex"', b"apex"),
        ('$ORIGIN example.\n$ORIGIN x\n@ TXT "nested"', b"nested"),
        ('x.example A 192.0.2.1\n    TXT "same owner"', b"same owner"),
        ('\ufeff; a comment\r\nx.example TXT "crlf"\r\n', b"crlf"),
        ('x.example SPF "v=spf1 +all"\nx.example TXT "v=spf1 -all"', b"v=spf1 -all"),
        ('x.example TYPE65280 \\# 1 00\nx.example TXT "unknown types are passed over"', b"unknown types are passed over"),
    ],
)  # fmt: skip
def test_text_records(text: str, value: bytes) -> None:
    assert answer(text, "x.example", "TXT").txt == (value,)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("x.example A 192.0.2.1;note", "A", ("192.0.2.1",)),
        ("x.example. 60 A 192.0.2.1 ; note", "A", ("192.0.2.1",)),
        ("x.example AAAA 2001:DB8::1", "AAAA", ("2001:db8::1",)),
        ("x.example MX 10 MX.example.", "MX", ((10, "mx.example"),)),
        ("x.example MX 0 .", "MX", ((0, ""),)),
        ("$ORIGIN example.\nx MX 10 mail", "MX", ((10, "mail.example"),)),
        ("x.example PTR Host.Example.", "PTR", ("host.example",)),
        ("x.example NS ns.example.;note", "NS", ("ns.example",)),
        ("x.example CNAME y.example\ny.example A 192.0.2.2", "A", ("192.0.2.2",)),
        ("*.example A 192.0.2.3", "A", ("192.0.2.3",)),
    ],
)
def test_other_records(text: str, kind: str, expected: tuple[object, ...]) -> None:
    found = answer(text, "x.example", kind)
    assert (found.addresses or found.mx or found.names) == expected


def test_name_in_letters_of_its_own_language_is_asked_for_as_a_label() -> None:
    assert answer("b\u00fccher.example A 192.0.2.1", "xn--bcher-kva.example", "A").addresses


@pytest.mark.parametrize(
    ("line", "kind", "expected"),
    [
        ("x.example TIMEOUT", "TXT", "timeout"),
        ("x.example SERVFAIL", "A", "servfail"),
        ("x.example 300 IN SERVFAIL", "MX", "servfail"),
        ("x.example REFUSED ANY", "A", "refused"),
        ("x.example TIMEOUT TXT", "TXT", "timeout"),
        ("x.example TXT TIMEOUT", "TXT", "timeout"),
        ("x.example A SERVFAIL ; on purpose", "A", "servfail"),
        ("x.example TIMEOUT TXT", "A", ""),
    ],
)
def test_faults_on_purpose(line: str, kind: str, expected: str) -> None:
    found = answer(line, "x.example", kind)
    assert found.reason == expected
    assert (found.status is Status.TEMPFAIL) == bool(expected)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a.example.com A 192.0.2.256", "line 2"),
        ("a.example.com FOO bar", "line 2"),
        ("a.example.com", "line 2"),
        ("a..example.com A 192.0.2.1", "line 2: a label has 1 to 63 bytes"),
        ("$INCLUDE /etc/passwd", "line 2: $INCLUDE is not known here"),
        ("a.example.com TIMEOUT FOO", "line 2: no type 'FOO' to fail"),
        ('a.example.com TXT "open', "line 2"),
    ],
)
def test_bad_line_spoils_no_other(line: str, problem: str) -> None:
    zone = Zone(f"b.example.com A 192.0.2.1\n{line}\nc.example.com A 192.0.2.2\n")
    assert len(zone.problems) == 1
    assert zone.problems[0].startswith(problem)
    for name in ("b.example.com", "c.example.com"):
        assert zone.ask(question(name, RRType.A)).status is Status.OK


def test_record_without_a_name_before_it_is_a_problem() -> None:
    assert Zone("  A 192.0.2.1").problems == ("line 1: a record without a name before it",)

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from filterd.auth.spf import (
    Evaluation,
    evaluate_helo,
    evaluate_mail_from,
    first_name,
)
from filterd.core.lookup import Answer, Question, RRType, Status, tempfail
from filterd.core.transaction import Address, client_address
from filterd.dns.zone import Zone

RESULTS = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"}


def address(text: str) -> Address:
    found = client_address(text)
    assert found is not None
    return found


def evaluate(
    zone: str,
    sender: str = "joe@example.org",
    client: str = "192.0.2.1",
    helo: str = "h.example.net",
) -> Evaluation:
    return evaluate_mail_from(address(client), sender, helo, Zone(zone).ask)


def result(zone: str, *rest: str) -> str:
    return evaluate(zone, *rest).result.result


def test_pass_says_who_permits_whom() -> None:
    found = evaluate('example.org TXT "v=spf1 ip4:192.0.2.0/24 -all"')
    assert found.result.result == "pass"
    assert found.result.get("smtp.mailfrom") == "joe@example.org"
    assert found.result.comment == "example.org designates 192.0.2.1 as permitted sender"
    assert found.mechanism == "ip4:192.0.2.0/24"


def test_helo_identity_is_judged_by_its_own_name() -> None:
    zone = Zone('h.example.net TXT "v=spf1 ip4:192.0.2.1 -all"')
    found = evaluate_helo(address("192.0.2.1"), "h.example.net", zone.ask)
    assert (found.result.result, found.result.get("smtp.helo")) == ("pass", "h.example.net")


def test_null_reverse_path_is_postmaster_at_helo() -> None:
    zone = Zone(
        'h.example.net TXT "v=spf1 exists:%{l}.%{o} -all"\npostmaster.h.example.net A 127.0.0.2'
    )
    found = evaluate_mail_from(address("192.0.2.1"), "", "h.example.net", zone.ask)
    assert found.result.result == "pass"
    assert found.result.get("smtp.helo") == "h.example.net"
    assert not found.result.get("smtp.mailfrom")


@pytest.mark.parametrize(
    "helo",
    [
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "localhost",
        "",
        "a..b",
        ".example.org",
        "x" * 64 + ".org",
        'a"; dmarc=pass header.from=bank.example',
        "a.example (b",
        "a\\.example",
        "a.example\r\nX: y",
    ],
)
def test_no_domain_no_question(helo: str) -> None:
    asked: list[Question] = []

    def ask(question: Question) -> Answer:
        asked.append(question)
        return Answer(Status.NXDOMAIN)

    assert evaluate_helo(address("192.0.2.1"), helo, ask).result.result == "none"
    assert asked == []
    assert first_name("", helo) is None


SEVEN_VOID = " ".join(f"a:void{n}.example.org" for n in range(7))

DEVIATIONS_OF_PYSPF = {
    # 4.6.4 counts terms that come to nothing, not the hosts of one mx
    "mx hosts without AAAA are not void": (
        'example.org TXT "v=spf1 mx ~all"\n'
        + "".join(
            f"example.org MX 10 m{n}.example.org\nm{n}.example.org A 192.0.2.{n}\n"
            for n in range(5)
        ),
        "2001:db8::1",
        "softfail",
    ),
    "three void terms": (
        f'example.org TXT "v=spf1 {SEVEN_VOID} ~all"',
        "192.0.2.1",
        "permerror",
    ),
    "two void terms": (
        'example.org TXT "v=spf1 a:v1.example.org a:v2.example.org ~all"',
        "192.0.2.1",
        "softfail",
    ),
    # 6.1: a redirect that is not followed costs no lookup
    "redirect beyond ten matched terms": (
        'example.org TXT "v=spf1 '
        + " ".join(f"a:a{n}.example.org" for n in range(10))
        + ' redirect=other.example.org"\n'
        + "".join(f"a{n}.example.org A 192.0.2.{n + 100}\n" for n in range(9))
        + "a9.example.org A 192.0.2.1\n",
        "192.0.2.1",
        "pass",
    ),
    "redirect followed as the eleventh": (
        'example.org TXT "v=spf1 '
        + " ".join(f"a:a{n}.example.org" for n in range(10))
        + ' redirect=other.example.org"\nother.example.org TXT "v=spf1 +all"\n'
        + "".join(f"a{n}.example.org A 192.0.2.{n + 100}\n" for n in range(10)),
        "192.0.2.1",
        "permerror",
    ),
    "redirect followed as the tenth": (
        'example.org TXT "v=spf1 '
        + " ".join(f"a:a{n}.example.org" for n in range(9))
        + ' redirect=other.example.org"\nother.example.org TXT "v=spf1 +all"\n'
        + "".join(f"a{n}.example.org A 192.0.2.{n + 100}\n" for n in range(10)),
        "192.0.2.1",
        "pass",
    ),
    # RFC 5234 2.3: names ignore case
    "REDIRECT in capitals": (
        'example.org TXT "v=spf1 REDIRECT=other.example.org"\nother.example.org TXT "v=spf1 -all"',
        "192.0.2.1",
        "fail",
    ),
    "redirect twice in two cases": (
        'example.org TXT "v=spf1 Redirect=a.example.org redirect=b.example.org"',
        "192.0.2.1",
        "permerror",
    ),
    # 6: only redirect and exp are bound to appear once
    "unknown modifier twice": (
        'example.org TXT "v=spf1 foo=a foo=b +all"',
        "192.0.2.1",
        "pass",
    ),
    "unknown modifier with bad macro": (
        'example.org TXT "v=spf1 foo=%a +all"',
        "192.0.2.1",
        "permerror",
    ),
    # 5.5
    "ptr question fails": (
        'example.org TXT "v=spf1 ptr ~all"\n1.2.0.192.in-addr.arpa SERVFAIL',
        "192.0.2.1",
        "softfail",
    ),
    "address of one ptr name fails": (
        (
            'example.org TXT "v=spf1 ptr ~all"\n1.2.0.192.in-addr.arpa PTR bad.example.org.\n'
            "1.2.0.192.in-addr.arpa PTR good.example.org.\nbad.example.org SERVFAIL\n"
            "good.example.org A 192.0.2.1"
        ),
        "192.0.2.1",
        "pass",
    ),
    # 7.3
    "a long name loses labels until it fits": (
        'example.org TXT "v=spf1 exists:'
        + "%{d}." * 30
        + 'example.net ~all"\n*.example.net A 127.0.0.2',
        "192.0.2.1",
        "pass",
    ),
    # 7.1: after the letter come digits that are not zero, r or R, delimiters
    "R reverses": (
        (
            'example.org TXT "v=spf1 exists:%{dR}.example.net ~all"\n'
            "org.example.example.net A 127.0.0.2"
        ),
        "192.0.2.1",
        "pass",
    ),
    **{
        f"{macro} is no macro": (
            f'example.org TXT "v=spf1 exists:{macro}.example.net ~all"\n*.example.net A 127.0.0.2',
            "192.0.2.1",
            "permerror",
        )
        for macro in ("%{d0}", "%{d00r}", "%{dabc}", "%{dr2}", "%{d@}", "%{z}", "%{}", "%{ d}")
    },
    "ip6 in the v4-mapped form": (
        'example.org TXT "v=spf1 ip4:192.0.2.1 -all"',
        "::ffff:192.0.2.1",
        "pass",
    ),
    "eleven mx": (
        'example.org TXT "v=spf1 mx +all"\n'
        + "".join(f"example.org MX 10 m{n}.example.org\n" for n in range(11)),
        "192.0.2.1",
        "permerror",
    ),
    "null mx": (
        'example.org TXT "v=spf1 mx ~all"\nexample.org MX 0 .',
        "192.0.2.1",
        "softfail",
    ),
    "initial question fails": ("example.org SERVFAIL", "192.0.2.1", "temperror"),
    "include fails": (
        'example.org TXT "v=spf1 include:i.example.org +all"\ni.example.org TIMEOUT',
        "192.0.2.1",
        "temperror",
    ),
    "include without a record": (
        'example.org TXT "v=spf1 include:i.example.org +all"',
        "192.0.2.1",
        "permerror",
    ),
    "a record beyond measure": (
        'example.org TXT "v=spf1 ' + "ip4:198.51.100.1 " * 1000 + '+all"',
        "192.0.2.1",
        "permerror",
    ),
    "a term beyond measure": (
        'example.org TXT "v=spf1 a:' + "x." * 400 + 'org +all"',
        "192.0.2.1",
        "permerror",
    ),
    "an alias chain without end": (
        (
            'example.org TXT "v=spf1 a:l1.example.org ~all"\nl1.example.org CNAME l2.example.org\n'
            "l2.example.org CNAME l1.example.org"
        ),
        "192.0.2.1",
        "temperror",
    ),
}


@pytest.mark.parametrize(
    ("zone", "client", "expected"), DEVIATIONS_OF_PYSPF.values(), ids=DEVIATIONS_OF_PYSPF
)
def test_rfc_7208_where_pyspf_strays(zone: str, client: str, expected: str) -> None:
    assert result(zone, "joe@example.org", client) == expected


def test_quoted_local_part_with_an_at_sign_keeps_its_domain() -> None:
    assert result('example.org TXT "v=spf1 +all"', '"a@evil.example"@example.org') == "pass"


def test_domain_in_unicode_is_asked_in_a_labels() -> None:
    assert result('xn--bcher-kva.example TXT "v=spf1 +all"', "joe@bücher.example") == "pass"
    assert first_name("joe@BÜCHER.example", "") == "xn--bcher-kva.example"


def test_local_part_in_unicode_matches_no_local_macro() -> None:
    zone = 'example.org TXT "v=spf1 exists:%{l}.example.org -exists:%{s}.example.org ~all"\n*.example.org A 127.0.0.2'
    assert result(zone, "jörg@example.org") == "softfail"
    assert result(zone, "joerg@example.org") == "pass"


def test_explanation_is_fetched_for_a_fail_only_and_named_as_the_domains_words() -> None:
    asked: list[str] = []
    zone = Zone(
        'example.org TXT "v=spf1 ip4:192.0.2.1 -all exp=why.%{d}"\n'
        'why.example.org TXT "%{i} is not ours\\010\\013X: (see %{d})"'
    )

    def ask(question: Question) -> Answer:
        asked.append(question.name)
        return zone.ask(question)

    passed = evaluate_mail_from(address("192.0.2.1"), "joe@example.org", "h", ask)
    assert passed.result.result == "pass"
    assert "why.example.org" not in asked
    failed = evaluate_mail_from(address("192.0.2.9"), "joe@example.org", "h", ask)
    assert (
        failed.result.reason
        == "example.org explains: 192.0.2.9 is not ours??X: (see example.org)"
    )


def test_errors_say_what_was_wrong() -> None:
    assert evaluate("example.org TIMEOUT").result.reason == "DNS TXT example.org: timeout"
    assert "foo" in evaluate('example.org TXT "v=spf1 foo +all"').result.reason


@pytest.mark.parametrize("rrtype", [RRType.TXT, RRType.A, RRType.MX, RRType.PTR])
def test_any_failing_question_never_makes_a_pass(rrtype: RRType) -> None:
    zone = Zone(
        'example.org TXT "v=spf1 a mx ptr include:i.example.org ~all"\ni.example.org TXT "v=spf1 -all"\n'
        "example.org A 192.0.2.77\nexample.org MX 10 example.org"
    )

    def ask(question: Question) -> Answer:
        return tempfail("timeout") if question.rrtype is rrtype else zone.ask(question)

    found = evaluate_mail_from(address("192.0.2.1"), "joe@example.org", "h", ask).result.result
    assert found == ("softfail" if rrtype is RRType.PTR else "temperror")


@pytest.mark.parametrize("name", ["h.example.net.", "H.Example.NET", "H.EXAMPLE.NET."])
def test_empty_label_at_the_end_of_a_name_is_no_error(name: str) -> None:
    """RFC 7208 4.3: malformed is a "zero-length label not at the end"."""
    zone = Zone('h.example.net TXT "v=spf1 a:%{d} -all"\nh.example.net A 192.0.2.1')
    helo = evaluate_helo(address("192.0.2.1"), name, zone.ask)
    path = evaluate_mail_from(address("192.0.2.1"), f"joe@{name}", "x", zone.ask)
    assert (helo.result.result, path.result.result) == ("pass", "pass")


@given(data=st.data())
def test_address_terms_match_the_networks_they_name(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([st.ip_addresses(v=4), st.ip_addresses(v=6)]))
    named, client = data.draw(kind), data.draw(kind)
    length = data.draw(st.integers(0, named.max_prefixlen))
    if data.draw(st.booleans()):  # near enough to match
        client = type(client)(int(named) ^ data.draw(st.integers(0, 2**12)))
    assume(not getattr(client, "ipv4_mapped", None))
    record = f"v=spf1 ip{named.version}:{named}/{length} -all"
    found = result(f'example.org TXT "{record}"', "joe@example.org", str(client))
    network = ip_network(f"{named}/{length}", strict=False)
    assert found == ("pass" if client in network else "fail")


@pytest.mark.parametrize("term", ["a", "mx"])
def test_term_without_a_domain_takes_the_record_s_own_whatever_it_is_called(term: str) -> None:
    zone = f'x.123 TXT "v=spf1 {term} -all"\nx.123 A 192.0.2.1\nx.123 MX 10 x.123'
    assert result(zone, "joe@x.123") == "pass"
    assert (
        result(zone.replace(f" {term} ", f" {term}:x.123 "), "joe@x.123") == "permerror"
    )  # 7.1: toplabel

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.address import AMBIGUOUS, parse, parse_fields
from filterd.mail.header import Field
from tests.support.speed import is_within

# id, From field body, addresses in order, defects, groups
CASES: list[tuple[str, str, list[str], set[str], list[str]]] = [
    # the plain forms
    ("bare", "a@b.example", ["a@b.example"], set(), []),
    ("angle", "<a@b.example>", ["a@b.example"], set(), []),
    ("phrase", "A B <a@b.example>", ["a@b.example"], set(), []),
    ("quoted phrase", '"A, B" <a@b.example>', ["a@b.example"], set(), []),
    ("dotted phrase", "J. R. Doe <a@b.example>", ["a@b.example"], set(), []),
    ("no space", "A<a@b.example>", ["a@b.example"], set(), []),
    ("outer space", "  A <a@b.example>  ", ["a@b.example"], set(), []),
    ("upper-case domain", "a@B.EXAMPLE", ["a@b.example"], set(), []),
    ("final dot", "a@b.example.", ["a@b.example"], set(), []),
    ("subaddress", "a+tag@b.example", ["a+tag@b.example"], set(), []),
    ("odd atoms", "!#$%&'*+/=?^_`{|}~-@b.example", ["!#$%&'*+/=?^_`{|}~-@b.example"], set(), []),
    ("A-label", "a@xn--bcher-kva.example", ["a@xn--bcher-kva.example"], set(), []),
    ("encoded phrase", "=?utf-8?q?J=C3=BCrgen?= <a@b.example>", ["a@b.example"], set(), []),
    ("apostrophe", "O'Neil <o'neil@b.example>", ["o'neil@b.example"], set(), []),
    # comments
    ("old name", "a@b.example (Name)", ["a@b.example"], {"comment"}, []),
    ("comment before", "(c) a@b.example", ["a@b.example"], {"comment"}, []),
    ("comment in local", "a(c)@b.example", ["a@b.example"], {"comment"}, []),
    ("comment in domain", "a@(c)b.example", ["a@b.example"], {"comment"}, []),
    ("comment in angle", "A <a@b.example(c)>", ["a@b.example"], {"comment"}, []),
    ("nested comment", "(a(b)c) <a@b.example>", ["a@b.example"], {"comment"}, []),
    ("escaped in comment", "(a\\)b) <a@b.example>", ["a@b.example"], {"comment"}, []),
    ("address in comment", "(x@evil.example) a@b.example", ["a@b.example"], {"comment"}, []),
    ("only a comment", "(a@b.example)", [], {"comment-only", "empty"}, []),
    ("open comment", "(x <a@b.example>", ["a@b.example"], {"unterminated-comment"}, []),
    ("open comment after", "<a@b.example> (x", ["a@b.example"], {"unterminated-comment", "text-after-address"}, []),
    ("open comment hides comma", "a@b.example (, c@d.example", ["a@b.example", "c@d.example"], {"unterminated-comment", "text-around-address", "several-addresses"}, []),
    # obsolete syntax
    ("spaced", "a . b @ c . example", ["a.b@c.example"], set(), []),
    ("space before at", "a @b.example", ["a@b.example"], set(), []),
    ("space in angle", "< a@b.example >", ["a@b.example"], set(), []),
    ("spaced in angle", "<a @ b.example>", ["a@b.example"], {"obsolete-space"}, []),
    ("route", "<@x.example:a@b.example>", ["a@b.example"], {"source-route"}, []),
    ("two hops", "<@x.example,@y.example:a@b.example>", ["a@b.example"], {"source-route"}, []),
    ("empty list items", ", a@b.example ,", ["a@b.example"], set(), []),
    ("trailing comma", "a@b.example,", ["a@b.example"], set(), []),
    # several authors
    ("two", "a@b.example, c@d.example", ["a@b.example", "c@d.example"], {"several-addresses"}, []),
    ("two angles listed", "A <a@b.example>, C <c@d.example>", ["a@b.example", "c@d.example"], {"several-addresses"}, []),
    ("two angles", "<a@b.example> <c@d.example>", ["a@b.example", "c@d.example"], {"several-angles", "several-addresses"}, []),
    ("glued angles", "<a@b.example><c@d.example>", ["a@b.example", "c@d.example"], {"several-angles", "several-addresses"}, []),
    ("bare after angle", "<a@b.example> c@d.example", ["a@b.example", "c@d.example"], {"several-angles", "several-addresses"}, []),
    ("no comma", "a@b.example c@d.example", ["a@b.example", "c@d.example"], {"missing-comma", "several-addresses"}, []),
    ("semicolon", "a@b.example; c@d.example", ["a@b.example", "c@d.example"], {"semicolon", "several-addresses"}, []),
    ("bare before angle", "a@b.example <c@d.example>", ["c@d.example"], {"address-in-display"}, []),
    ("bare list before angle", "a@b.example, <c@d.example>", ["a@b.example", "c@d.example"], {"several-addresses"}, []),
    ("same twice", "a@b.example, a@b.example", ["a@b.example", "a@b.example"], {"several-addresses"}, []),
    ("unquoted comma", "Doe, John <j@d.example>", ["Doe", "j@d.example"], {"missing-domain"}, []),
    # groups
    ("group", "G: a@b.example;", ["a@b.example"], {"group"}, ["G"]),
    ("group of two", "G: a@b.example, c@d.example;", ["a@b.example", "c@d.example"], {"group", "several-addresses"}, ["G"]),
    ("empty group", "Undisclosed recipients:;", [], {"group"}, ["Undisclosed recipients"]),
    ("group and one", "G:a@b.example;, c@d.example", ["a@b.example", "c@d.example"], {"group", "several-addresses"}, ["G"]),
    ("two groups", "G:a@b.example;H:c@d.example;", ["a@b.example", "c@d.example"], {"group", "several-addresses"}, ["G", "H"]),
    ("open group", "G: a@b.example", ["a@b.example"], {"group", "unterminated-group"}, ["G"]),
    ("quoted group", '"G: x": a@b.example;', ["a@b.example"], {"group"}, ["G: x"]),
    ("encoded group", "=?utf-8?q?=C3=9C?=: a@b.example;", ["a@b.example"], {"group"}, ["Ü"]),
    # quotes
    ("quoted local", '"a b"@c.example', ["a b@c.example"], {"quoted-local"}, []),
    ("needless quotes", '"ab"@c.example', ["ab@c.example"], set(), []),
    ("at in local", '"x@good.example"@evil.example', ["x@good.example@evil.example"], {"at-in-local", "quoted-local"}, []),
    ("at in local, angle", '<"x@good.example"@evil.example>', ["x@good.example@evil.example"], {"at-in-local", "quoted-local"}, []),
    ("escaped quote", '"a\\"b"@c.example', ['a"b@c.example'], {"quoted-local"}, []),
    ("angle in quotes", '"<x@good.example>" <a@b.example>', ["a@b.example"], set(), []),
    ("angle and comma in quotes", '"x@good.example, <y@good.example>" <a@b.example>', ["a@b.example"], set(), []),
    ("open quote", '"x <a@b.example>', ["a@b.example"], {"unterminated-quote"}, []),
    ("open quote before comma", '"x@good.example, <a@b.example>', ['"x@good.example', "a@b.example"], {"unterminated-quote", "bad-local", "several-addresses"}, []),
    ("quoted whole", '"a@b.example"', ["a@b.example"], {"quoted-address", "missing-domain"}, []),
    ("quoted in angle", '<"a@b.example">', ["a@b.example"], {"quoted-address", "missing-domain"}, []),
    ("quoted domain", 'a@"b.example"', ["a@b.example"], {"bad-domain"}, []),
    ("quote in the middle", 'A "B" C <a@b.example>', ["a@b.example"], set(), []),
    # angle brackets
    ("open angle", "A <a@b.example", ["a@b.example"], {"unterminated-angle"}, []),
    ("stray close", "a@b.example>", ["a@b.example"], {"stray-angle"}, []),
    ("double angle", "<<a@b.example>>", ["a@b.example"], {"empty-address", "nested-angle", "several-angles", "text-after-address", "unterminated-angle"}, []),
    ("angle in angle", "<a@b.example<c@d.example>>", ["a@b.example", "c@d.example"], {"nested-angle", "several-addresses", "several-angles", "text-after-address", "unterminated-angle"}, []),
    ("text after", "<a@b.example> B", ["a@b.example"], {"text-after-address"}, []),
    ("comma in angle", "<a@b.example,c@d.example>", ["a@b.example", "c@d.example"], {"comma-in-angle", "several-addresses"}, []),
    # domains
    ("literal", "a@[192.0.2.1]", ["a@[192.0.2.1]"], {"domain-literal"}, []),
    ("IPv6 literal", "a@[IPv6:2001:db8::1]", ["a@[ipv6:2001:db8::1]"], {"domain-literal"}, []),
    ("name in brackets", "a@[b.example]", ["a@b.example"], {"domain-literal", "bracketed-domain-text"}, []),
    ("U-label", "a@bücher.example", ["a@xn--bcher-kva.example"], {"8bit"}, []),
    ("wide letters", "a@ｂ.example", ["a@b.example"], {"8bit"}, []),
    ("ideographic dot", "a@b。example", ["a@b.example"], {"8bit"}, []),
    ("soft hyphen", "a@b\u00ad.example", ["a@b.example"], {"8bit"}, []),
    ("zero width", "a@b\u200b.example", ["a@b.example"], {"8bit"}, []),
    ("homograph", "a@gооd.example", ["a@xn--gd-fmca.example"], {"8bit"}, []),
    ("two ats", "a@good.example@evil.example", ["a@good.example@evil.example", "a@good.example"], {"several-at", "several-addresses", "bad-local"}, []),
    ("single label", "<root@localhost>, ", ["root@localhost"], {"single-label-domain"}, []),
    ("two dots", "a@b..example", ["a@b.example"], {"bad-domain"}, []),
    ("NUL", "a@good.example\0.evil.example", ["a@good.example.evil.example"], {"nul", "bad-domain"}, []),
    ("NUL in phrase", "x@good.example\0 <a@b.example>", ["a@b.example"], {"nul", "address-in-display"}, []),
    ("control", "a@b.exam\x08ple", ["a@b.example"], {"control", "bad-domain"}, []),
    ("slash", "a@good.example/evil.example", ["a@good.exampleevil.example"], {"bad-domain"}, []),
    ("label too long", f"a@{'x' * 64}.example", ["a"], {"bad-domain"}, []),
    # nothing there
    ("empty", "", [], {"empty"}, []),
    ("space", "   ", [], {"empty"}, []),
    ("null path", "<>", [], {"empty", "empty-address"}, []),
    ("word", "root", ["root"], {"missing-domain"}, []),
    ("phrase only", "Mail Delivery Subsystem", ["Mail Delivery Subsystem"], {"missing-domain"}, []),
    ("no domain", "a@", ["a"], {"missing-domain"}, []),
    ("no local", "@b.example", ["@b.example"], {"missing-local"}, []),
    ("encoded whole", "=?utf-8?q?a=40b.example?=", ["a@b.example"], {"encoded-address", "missing-domain"}, []),
    ("encoded angle", "=?utf-8?b?PGFAYi5leGFtcGxlPg==?=", ["<a@b.example>"], {"encoded-address", "missing-domain"}, []),
    ("encoded NUL trick", "=?utf-8?b?eEBnb29kLmV4YW1wbGUA?= <a@b.example>", ["a@b.example"], set(), []),
    # 8-bit
    ("8-bit phrase", "Jürgen <a@b.example>", ["a@b.example"], {"8bit"}, []),
    ("8-bit local", "jürgen@b.example", ["jürgen@b.example"], {"8bit"}, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "addresses", "defects", "groups"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_from_forms(
    text: str, addresses: list[str], defects: set[str], groups: list[str]
) -> None:
    read = parse(text)
    assert [box.address for box in read.mailboxes] == addresses
    assert set(read.defects) == defects
    assert list(read.groups) == groups


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("A B <a@b.example>", "A B"),
        ('"A, B" <a@b.example>', "A, B"),
        ('"A \\"B\\"" <a@b.example>', 'A "B"'),
        ('A "B" C <a@b.example>', "A B C"),
        ("a@b.example (Name)", "Name"),
        ("=?utf-8?q?J=C3=BCrgen?= =?utf-8?q?_D=C3=B6?= <a@b.example>", "Jürgen Dö"),
        ('"=?utf-8?q?J=C3=BCrgen?=" <a@b.example>', "Jürgen"),
        ("x@good.example <a@b.example>", "x@good.example"),
        ('"x@good.example" <a@b.example>', "x@good.example"),
        ("=?utf-8?b?eEBnb29kLmV4YW1wbGUA?= <a@b.example>", "x@good.example\0"),
        ("<a@b.example>", ""),
    ],
)
def test_display_names_are_decoded(text: str, display: str) -> None:
    assert parse(text).mailboxes[0].display == display


@pytest.mark.parametrize(
    "text",
    [
        "<a@b.example> <c@d.example>",
        "a@b.example c@d.example",
        "a@b.example, c@d.example",
        "a@good.example@evil.example",
        "a@good.example\0.evil.example",
        '"x@good.example, <a@b.example>',
        "<@good.example:a@evil.example>",
        "a@[b.example]",
        "(x <a@b.example>",
        "G: a@b.example;",
    ],
)
def test_what_readers_may_read_in_two_ways_is_ambiguous(text: str) -> None:
    assert parse(text).is_ambiguous


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example",
        '"x@y.example" <a@b.example>',
        "a@b.example (Name)",
        "Doe, J <a@b.example>",
    ],
)
def test_what_they_read_alike_is_not(text: str) -> None:
    assert not parse(text).is_ambiguous


def test_several_fields_are_one_list_with_a_defect() -> None:
    read = parse_fields([Field("From", b" a@b.example"), Field("from", b" C <c@d.example>")])
    assert read.domains == ("b.example", "d.example")
    assert "several-fields" in read.defects
    assert read.is_ambiguous


def test_many_long_fields_of_one_name_take_under_a_second() -> None:
    fields = [Field("From", b"<" * 30_000)] * 30
    started = time.thread_time()
    read = parse_fields([*fields, Field("From", b" c@d.example")])
    assert is_within(time.thread_time() - started, 1.0)
    assert {"several-fields", "too-long"} <= read.defects


def test_no_field_is_a_defect() -> None:
    assert parse_fields([]).defects == {"no-field"}


def test_a_field_that_is_not_utf8_is_read_as_latin1() -> None:
    read = parse_fields([Field("From", b" J\xfcrgen <a@b.example>")])
    assert read.mailboxes[0].display == "Jürgen"
    assert {"undecodable", "8bit"} <= read.defects


def test_a_folded_field_is_unfolded() -> None:
    read = parse_fields([Field("From", b" A B\r\n <a@b.example>")])
    assert [(box.display, box.address) for box in read.mailboxes] == [("A B", "a@b.example")]


def test_long_lists_stop_at_the_limit() -> None:
    assert len(parse(",".join(f"a{n}@b.example" for n in range(5000))).mailboxes) == 1000


HOSTILE = {
    "parentheses": "(" * 100_000,
    "quotes": '"' * 100_000,
    "escaped quotes": '"\\' * 50_000,
    "angles": "<" * 100_000,
    "ats": "a@" * 50_000,
    "comments": " () " * 25_000 + "a@b.example",
    "brackets": "[a" * 50_000,
    "commas": "," * 100_000,
    "words": "a " * 50_000,
    "colons": "g:" * 50_000,
    "colons alone": ":" * 100_000,
    "comments, then colons": "()" * 8_000 + ":" * 16_000,
    "angle addresses": "<a@b.example>" * 8_000,
    "backslashes": "\\" * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_100_kib_of_anything_takes_under_a_second(text: str) -> None:
    started = time.thread_time()
    read = parse(text)
    assert is_within(time.thread_time() - started, 1.0)
    assert len(read.mailboxes) <= 5_000


@given(st.text(alphabet='ab@.,;:<>()"\\[] \t\0é', max_size=60))
def test_every_at_sign_outside_quotes_and_comments_leaves_a_trace(text: str) -> None:
    read = parse(text)
    if "@" in text and not any(mark in text for mark in '"([\\'):
        assert read.mailboxes or read.defects
    for box in read.mailboxes:
        assert "@" not in box.domain
        assert box.domain == box.domain.lower()


@given(
    st.lists(
        st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.example", fullmatch=True), min_size=1, max_size=5
    )
)
def test_an_evil_address_is_found_beside_any_others(boxes: list[str]) -> None:
    for separator in (", ", " ", "; ", "><", "> <"):
        text = f"<{separator.join(boxes)}>" if ">" in separator else separator.join(boxes)
        assert {box.address for box in parse(text).mailboxes} >= set(boxes)


def test_ambiguous_defects_are_ones_that_occur() -> None:
    seen = set().union(*(case[3] for case in CASES)) | {
        "several-fields",
        "undecodable",
        "too-long",
    }
    assert seen >= AMBIGUOUS - {"too-many"}

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from filterd.core.lookup import NODATA, NXDOMAIN, Answer, Listing, Status, tempfail
from filterd.core.transaction import client_address
from filterd.dns.dnslist import DnsList, judge, merged, parse_pattern, unknown_symbols


def a_list(answers: dict[str, Any] | None = None, **more: Any) -> DnsList:
    given = (
        {"127.0.0.2": "A", "127.0.0.4-7": "B", "127.0.*.9": "C"} if answers is None else answers
    )
    return DnsList.model_validate({"zone": "bl.example.org", "answers": given, **more})


def ok(*addresses: str) -> Answer:
    return Answer(Status.OK, addresses=addresses)


JUDGED = [
    (NXDOMAIN, Listing.CLEAN, []),
    (NODATA, Listing.CLEAN, []),
    (tempfail("timeout"), Listing.UNKNOWN, []),
    (ok("127.0.0.2"), Listing.LISTED, ["A"]),
    (ok("127.0.0.2", "127.0.0.5", "127.0.0.6"), Listing.LISTED, ["A", "B"]),
    (ok("127.0.44.9"), Listing.LISTED, ["C"]),
    (ok("127.0.0.3"), Listing.CLEAN, []),
    (ok("127.0.0.8"), Listing.CLEAN, []),
    (ok("127.255.255.254"), Listing.REFUSED, []),
    (ok("127.255.255.252", "127.0.0.2"), Listing.REFUSED, []),
    (ok("127.0.0.1"), Listing.REFUSED, []),
    (ok("127.0.0.255"), Listing.REFUSED, []),
    (ok("192.0.2.99"), Listing.FOREIGN, []),
    (ok("127.0.0.2", "192.0.2.99"), Listing.FOREIGN, []),
    (ok("0.0.0.0"), Listing.FOREIGN, []),
]


@pytest.mark.parametrize(
    ("answer", "listing", "symbols"),
    JUDGED,
    ids=["+".join(answer.addresses) or answer.status.value for answer, _, _ in JUDGED],
)
def test_answer_is_judged(answer: Answer, listing: Listing, symbols: list[str]) -> None:
    found = judge(a_list(refusals=("127.0.0.255",)), answer)
    assert found.listing is listing
    assert [meaning.symbol for meaning, _ in found.meanings] == symbols


def test_bits_of_the_last_number() -> None:
    dns_list = a_list({"&2": "BLACK", "&4": "GREY", "&24": "BOTH"}, refusals=("&1",))
    for last, expected in (
        (2, ["BLACK"]),
        (6, ["BLACK", "GREY"]),
        (24, ["BOTH"]),
        (8, []),
        (30, ["BLACK", "GREY", "BOTH"]),
    ):
        found = judge(dns_list, ok(f"127.0.0.{last}"))
        assert [meaning.symbol for meaning, _ in found.meanings] == expected
    assert judge(dns_list, ok("127.0.0.3")).listing is Listing.REFUSED


@pytest.mark.parametrize(
    "text",
    ["", "127", "127.0.0", "127.0.0.0.2", "127.0.0.256", "127.0.0.7-4", "127.0.0.2-300", "a.b.c.d", "127.0.0.", "&0",
     "&256", "&x", "127.0.0.2 ", "127..0.2", "127.0.0.-2"],
)  # fmt: skip
def test_what_is_no_pattern_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_pattern(text)


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.255.255.254", "127.255.255.*", "192.0.2.1", "*.0.0.2", "126-127.0.0.2"],
)
def test_what_can_be_no_listing_is_refused_by_the_settings(text: str) -> None:
    with pytest.raises(ValidationError):
        a_list({text: "A"})


@pytest.mark.parametrize("zone", ["", "bl", "bl..example", "bl example.org", "x" * 300])
def test_what_is_no_zone_is_refused_by_the_settings(zone: str) -> None:
    with pytest.raises(ValidationError):
        DnsList(zone=zone)


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("192.0.2.1", "1.2.0.192.bl.example.org"),
        ("2001:db8::1", "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2.bl.example.org"),
    ],
)
def test_address_is_asked_backwards(client: str, name: str) -> None:
    address = client_address(client)
    assert address is not None
    assert a_list().client_question(address).name == name


SHIPPED = {"one": a_list(), "two": a_list(enabled=False)}


def test_shipped_list_keeps_what_is_not_set() -> None:
    tables = merged(
        SHIPPED, {"one": {"enabled": False}, "mine": {"zone": "x.example"}}, "LISTED"
    )
    assert set(tables) == {"one", "two", "mine"}
    assert (tables["one"]["zone"], tables["one"]["enabled"]) == ("bl.example.org", False)
    assert DnsList.model_validate(tables["mine"]).answers["127.0.0.2"].symbol == "LISTED"


def test_what_is_no_table_is_left_for_the_decoder() -> None:
    assert merged(SHIPPED, 5, "LISTED") == 5
    assert merged(SHIPPED, {"one": 5}, "LISTED")["one"] == 5


def test_symbol_without_score_is_named() -> None:
    assert unknown_symbols({"one": a_list({"127.0.0.2": "X"})}, ["A"]) == [
        "one: no symbol 'X' here; known: A"
    ]


def test_dead_list_is_never_asked_and_says_why() -> None:
    dead = DnsList(zone="relays.ordb.org")
    assert not dead.is_asked
    assert dead.warning("old").startswith(
        "lists.old: relays.ordb.org is not asked: ORDB ended in 2006"
    )
    assert DnsList(zone="relays.ordb.org", enabled=False).warning("old") == ""
    assert a_list().warning("one") == ""

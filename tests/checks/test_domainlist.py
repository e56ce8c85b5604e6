from __future__ import annotations

import hashlib
from typing import Any

import pytest

from filterd.checks import domainlist
from filterd.checks.domainlist import (
    SHIPPED_ADDRESSES,
    AddressList,
    Settings,
    addresses,
    hashed,
    names,
)
from filterd.config.decode import decode
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import Hit
from filterd.core.lookup import Answer, Listing, Status
from filterd.core.transaction import Transaction
from tests.support.announced import run
from tests.support.builders import a_transaction

MESSAGE = """\
From: Joe <joe@news.author.example>
Reply-To: reply@reply.example
DKIM-Signature: v=1; a=rsa-sha256; d=mail.signer.example; s=s1; h=from; bh=AAAA; b=BBBB
Subject: hello
Content-Type: text/plain

Look at https://www.shop.link.example/x?y=z and http://192.0.2.5/ and http://user.example.net/ and
https://www.google.com/ or write to help@drop-box.org
"""


def a_message(message: str = MESSAGE, **facts: Any) -> Transaction:
    return a_transaction(
        **{
            "client": "198.51.100.9",
            "client_name": "out.rdns.example",
            "helo": "mx.helo.example",
            "mail_from": "bounce@lists.path.example",
            "rcpt": ("user@example.net",),
            "message": message,
            **facts,
        }
    )


def test_names_are_organizational_domains_with_their_roles() -> None:
    assert names(a_message(), Settings()) == {
        "path.example": ["mailfrom"],
        "author.example": ["from"],
        "reply.example": ["reply-to"],
        "signer.example": ["dkim"],
        "helo.example": ["helo"],
        "rdns.example": ["rdns"],
        "link.example": ["link"],
        "drop-box.org": ["link"],
    }


def test_one_name_may_play_many_roles() -> None:
    tx = a_message(
        "From: a@one.example\n\nhttp://one.example/\n",
        helo="one.example",
        client_name="x.one.example",
        mail_from="a@one.example",
    )
    assert names(tx, Settings()) == {
        "one.example": ["mailfrom", "from", "helo", "rdns", "link"]
    }


def test_first_and_last_of_too_many_links_count() -> None:
    links = "\n".join(f"http://site{n}.example/" for n in range(100))
    found = names(a_message(f"From: a@path.example\n\n{links}\n"), Settings(max_names=10))
    assert len(found) <= 15
    assert "site0.example" in found
    assert "site99.example" in found


@pytest.mark.parametrize(
    "helo", ["[192.0.2.1]", "192.0.2.1", "localhost", "", "a..b", "x" * 300]
)
def test_what_is_no_name_is_not_looked_up(helo: str) -> None:
    assert "helo" not in {
        role for roles in names(a_message(helo=helo), Settings()).values() for role in roles
    }


@pytest.mark.parametrize(
    ("zone", "symbol", "detail", "weight"),
    [
        (
            "link.example.dbl.spamhaus.org A 127.0.1.2",
            "DOMAINLIST_DBL_SPAM",
            "link.example (link)",
            1.0,
        ),
        (
            "path.example.dbl.spamhaus.org A 127.0.1.4",
            "DOMAINLIST_DBL_PHISH",
            "path.example (mailfrom)",
            1.0,
        ),
        (
            "helo.example.dbl.spamhaus.org A 127.0.1.6",
            "DOMAINLIST_DBL_BOTNET",
            "helo.example (helo)",
            0.5,
        ),
        (
            "link.example.dbl.spamhaus.org A 127.0.1.103",
            "DOMAINLIST_DBL_ABUSED",
            "link.example (link)",
            1.0,
        ),
        (
            "link.example.multi.surbl.org A 127.0.0.64",
            "DOMAINLIST_SURBL_ABUSE",
            "link.example (link)",
            1.0,
        ),
        (
            "signer.example.multi.uribl.com A 127.0.0.2",
            "DOMAINLIST_URIBL_BLACK",
            "signer.example (dkim)",
            1.0,
        ),
    ],
)
def test_listed_name_hits(zone: str, symbol: str, detail: str, weight: float) -> None:
    found = run(domainlist.CHECK, a_message(), zone)
    assert found.evidence == (Hit(symbol, detail, weight),)
    assert found.unannounced == []


@pytest.mark.parametrize(
    "zone",
    [
        "path.example.multi.surbl.org A 127.0.0.64",  # SURBL is about links
        "helo.example.multi.uribl.com A 127.0.0.2",
        "link.example.dbl.spamhaus.org A 127.0.1.255",
        "link.example.dbl.spamhaus.org A 127.255.255.254",
        "link.example.multi.uribl.com A 127.0.0.1",
        "link.example.multi.surbl.org A 127.0.0.1",
        "link.example.zrd.spamhaus.org A 127.0.2.2",  # off by default
        "*.dbl.spamhaus.org TIMEOUT",
    ],
)
def test_nothing_is_said_otherwise(zone: str) -> None:
    assert run(domainlist.CHECK, a_message(), zone).evidence == ()


def test_symbol_hits_once_with_all_names() -> None:
    zone = (
        "link.example.dbl.spamhaus.org A 127.0.1.2\nhelo.example.dbl.spamhaus.org A 127.0.1.2"
    )
    assert run(domainlist.CHECK, a_message(), zone).evidence == (
        Hit("DOMAINLIST_DBL_SPAM", "helo.example (helo), link.example (link)", 1.0),
    )


@pytest.mark.parametrize(
    "facts", [{"auth_user": "joe"}, {"is_local": True}, {"client": "unknown"}]
)
def test_nothing_is_asked_about_our_own_mail(facts: dict[str, Any]) -> None:
    found = run(domainlist.CHECK, a_message(**facts))
    assert (found.asked, found.announced) == ((), frozenset())


def test_questions_of_one_message_are_bounded() -> None:
    links = "\n".join(f"http://site{n}.example/" for n in range(400))
    found = run(domainlist.CHECK, a_message(f"From: a@b.example\n\n{links}\n"))
    assert len(found.asked) < 100


# -- addresses ------------------------------------------------------------------------------------


def test_addresses_are_those_a_reply_could_go_to() -> None:
    assert addresses(a_message(), Settings()) == [
        "joe@news.author.example",
        "reply@reply.example",
        "bounce@lists.path.example",
        "help@drop-box.org",
    ]


@pytest.mark.parametrize(
    ("address", "hashed_form"),
    [
        ("Joe@Example.org", "joe@example.org"),
        ("joe+tag@example.org", "joe@example.org"),
        ("J.O.E+x@googlemail.com", "joe@gmail.com"),
        ("jo.e@example.org", "jo.e@example.org"),
    ],
)
def test_address_is_normalised_before_it_is_hashed(address: str, hashed_form: str) -> None:
    expected = hashlib.sha1(hashed_form.encode(), usedforsecurity=False).hexdigest()
    assert hashed(address, SHIPPED_ADDRESSES["msbl"]) == expected


def test_other_hashes_and_notations() -> None:
    dns_list = AddressList(
        zone="h.example.org", answers={}, digest="sha256", encoding="base32", without_tag=False
    )
    found = hashed("joe+x@example.org", dns_list)
    assert (len(found), found.isascii(), "=" in found) == (52, True, False)


def test_listed_address_hits() -> None:
    digest = hashlib.sha1(b"help@drop-box.org", usedforsecurity=False).hexdigest()
    used = decode(Settings, {"hashed": {"msbl": {"enabled": True}}})
    found = run(domainlist.CHECK, a_message(), f"{digest}.ebl.msbl.org A 127.0.0.2", used)
    assert found.evidence == (Hit("EMAILLIST_MSBL", "help@drop-box.org"),)
    assert found.unannounced == []


def test_own_list_for_links_alone() -> None:
    used = decode(Settings, {"lists": {"mine": {"zone": "dl.example.org", "roles": ["link"]}}})
    zone = "link.example.dl.example.org A 127.0.0.2\nauthor.example.dl.example.org A 127.0.0.2"
    assert run(domainlist.CHECK, a_message(), zone, used).evidence == (
        Hit("DOMAINLIST_LISTED", "link.example (link)", 1.0),
    )


class Paused:
    def is_usable(self, zone: str) -> bool:
        return zone != "dbl.spamhaus.org"

    def observe(self, zone: str, listing: Listing, subject: str) -> bool:
        assert zone != "dbl.spamhaus.org"
        assert listing in Listing
        assert " " not in subject
        return True


def test_paused_zone_says_nothing() -> None:
    services = Services(
        ask=lambda _question: Answer(Status.OK, addresses=("127.0.1.2",)),
        clock=FixedClock(),
        zones=Paused(),
    )
    found = list(domainlist.run(a_message(), Settings(), services))
    assert {hit.symbol for hit in found if isinstance(hit, Hit)} == {"DOMAINLIST_URIBL_BLACK"}

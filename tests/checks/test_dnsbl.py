from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.checks import dnsbl, domainlist
from filterd.config.decode import decode
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.errors import ConfigError
from filterd.core.evidence import Hit
from filterd.core.lookup import Answer, Listing, Question, Status
from filterd.core.transaction import Transaction
from filterd.dns.dnslist import DnsList
from filterd.dns.retired import RETIRED
from filterd.dns.settings import DnsSettings
from filterd.ruleset import load
from filterd.ruleset.settings import RuleSettings
from filterd.scan.score import ScoreTable
from tests.support.announced import run
from tests.support.builders import a_transaction

CLIENT, NAME = "198.51.100.9", "9.100.51.198"
SIX = "2001:db8::1"
SIX_NAME = "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2"


def hits(zone: str, client: str = CLIENT, settings: dnsbl.Settings | None = None) -> list[Hit]:
    found = run(dnsbl.CHECK, a_transaction(client=client), zone, settings)
    assert found.unannounced == []
    return [item for item in found.evidence if isinstance(item, Hit)]


@pytest.mark.parametrize(
    ("zone", "symbols"),
    [
        (f"{NAME}.zen.spamhaus.org A 127.0.0.2", ["DNSBL_SPAMHAUS_SBL"]),
        (f"{NAME}.zen.spamhaus.org A 127.0.0.3", ["DNSBL_SPAMHAUS_CSS"]),
        (f"{NAME}.zen.spamhaus.org A 127.0.0.9", ["DNSBL_SPAMHAUS_DROP"]),
        (
            f"{NAME}.zen.spamhaus.org A 127.0.0.4\n{NAME}.zen.spamhaus.org A 127.0.0.11",
            ["DNSBL_SPAMHAUS_XBL", "DNSBL_SPAMHAUS_PBL"],
        ),
        (f"{NAME}.bl.spamcop.net A 127.0.0.2", ["DNSBL_SPAMCOP"]),
        (f"{NAME}.psbl.surriel.com A 127.0.0.2", ["DNSBL_PSBL"]),
        (f"{NAME}.bl.mailspike.net A 127.0.0.11", ["DNSBL_MAILSPIKE"]),
        (f"{NAME}.list.dnswl.org A 127.0.5.2", ["DNSWL_MEDIUM"]),
        (f"{NAME}.list.dnswl.org A 127.0.5.0", []),
        (f"{NAME}.wl.mailspike.net A 127.0.0.19", ["DNSWL_MAILSPIKE"]),
        (f"{NAME}.b.barracudacentral.org A 127.0.0.2", []),  # off by default
        ("", []),
        ("zen.spamhaus.org TIMEOUT\n*.zen.spamhaus.org TIMEOUT", []),
    ],
)
def test_answer_becomes_its_symbol(zone: str, symbols: list[str]) -> None:
    assert sorted(hit.symbol for hit in hits(zone)) == sorted(symbols)


def test_detail_names_zone_and_return_address() -> None:
    assert hits(f"{NAME}.bl.spamcop.net A 127.0.0.2") == [
        Hit("DNSBL_SPAMCOP", "bl.spamcop.net 127.0.0.2")
    ]


def test_ipv6_is_asked_where_the_list_knows_it() -> None:
    found = run(
        dnsbl.CHECK, a_transaction(client=SIX), f"{SIX_NAME}.zen.spamhaus.org A 127.0.0.3"
    )
    assert found.symbols == ["DNSBL_SPAMHAUS_CSS"]
    assert {q.name.removeprefix(f"{SIX_NAME}.") for q in found.asked} == {
        "zen.spamhaus.org",
        "list.dnswl.org",
    }


@pytest.mark.parametrize(
    "facts",
    [
        {"auth_user": "joe"},
        {"is_local": True},
        {"client": "unknown"},
        {"client": "10.0.0.1"},
        {"client": "::1"},
    ],
)
def test_nothing_is_asked_of_our_own_clients(facts: dict[str, Any]) -> None:
    found = run(dnsbl.CHECK, a_transaction(**{"client": CLIENT, **facts}))
    assert (found.asked, found.announced) == ((), frozenset())


def settings(**lists: Any) -> dnsbl.Settings:
    return decode(dnsbl.Settings, {"lists": lists})


def test_shipped_list_is_switched_off_by_one_key() -> None:
    used = settings(spamcop={"enabled": False})
    assert hits(f"{NAME}.bl.spamcop.net A 127.0.0.2", settings=used) == []
    assert hits(f"{NAME}.psbl.surriel.com A 127.0.0.2", settings=used)


def test_own_list_has_weights_by_address_and_bit() -> None:
    used = settings(
        mine={
            "zone": "bl.example.org",
            "answers": {
                "127.0.0.2": "DNSBL_LISTED",
                "127.0.0.10-20": {"symbol": "DNSBL_LISTED", "weight": 0.5},
                "&128": {"symbol": "DNSWL_LISTED", "weight": 2},
            },
        }
    )
    for address, expected in [
        ("127.0.0.2", [("DNSBL_LISTED", 1.0)]),
        ("127.0.0.12", [("DNSBL_LISTED", 0.5)]),
        ("127.0.0.128", [("DNSWL_LISTED", 2.0)]),
        ("127.0.0.3", []),
    ]:
        found = hits(f"{NAME}.bl.example.org A {address}", settings=used)
        assert [(hit.symbol, hit.weight) for hit in found] == expected


def test_own_list_without_answers_means_listed() -> None:
    used = settings(mine={"zone": "bl.example.org"})
    assert [h.symbol for h in hits(f"{NAME}.bl.example.org A 127.0.0.2", settings=used)] == [
        "DNSBL_LISTED"
    ]


@pytest.mark.parametrize(
    ("lists", "problem"),
    [
        ({"mine": {}}, "lists.mine.zone: this key is required"),
        ({"mine": {"zone": "bl"}}, "lists.mine.zone"),
        (
            {"mine": {"zone": "bl.example.org", "answers": {"127.0.0.2": "FOO"}}},
            "no symbol 'FOO' here",
        ),
        (
            {
                "mine": {
                    "zone": "bl.example.org",
                    "answers": {"127.255.255.254": "DNSBL_LISTED"},
                }
            },
            "refuse to answer",
        ),
        (
            {"mine": {"zone": "bl.example.org", "answers": {"10.0.0.2": "DNSBL_LISTED"}}},
            "only addresses within",
        ),
        ({"spamcop": {"enable": False}}, "lists.spamcop.enable: unknown key"),
        ({"spamcop": 5}, "lists.spamcop: expected a table"),
    ],
)
def test_mistake_is_named(lists: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem.replace(".", r"\.")):
        settings(**lists)


class Health:
    """Says which zones are paused, and remembers what it was told."""

    def __init__(self, *paused: str) -> None:
        self.paused = set(paused)
        self.told: list[tuple[str, Listing, str]] = []

    def is_usable(self, zone: str) -> bool:
        return zone not in self.paused

    def observe(self, zone: str, listing: Listing, subject: str) -> bool:
        self.told.append((zone, listing, subject))
        if listing is Listing.LISTED and zone == "bl.spamcop.net":
            self.paused.add(zone)  # as a jump of the hit rate would
        return zone not in self.paused


def listed_everywhere(_question: Question) -> Answer:
    return Answer(Status.OK, addresses=("127.0.0.2",))


def test_paused_zone_is_not_asked_and_each_answer_is_reported() -> None:
    health = Health("zen.spamhaus.org")
    services = Services(ask=listed_everywhere, clock=FixedClock(), zones=health)
    found = list(dnsbl.run(a_transaction(client=CLIENT), dnsbl.Settings(), services))
    symbols = {item.symbol for item in found if isinstance(item, Hit)}
    assert symbols == {"DNSBL_PSBL", "DNSBL_MAILSPIKE", "DNSWL_MEDIUM"}
    zones = [zone for zone, _, _ in health.told]
    assert "zen.spamhaus.org" not in zones
    assert ("psbl.surriel.com", Listing.LISTED, CLIENT) in health.told
    assert ("wl.mailspike.net", Listing.CLEAN, CLIENT) in health.told


# -- no list, dead or broken, makes us reject --------------------------------------------------------

REJECT, TAG = 15.0, 6.0


@pytest.fixture(scope="module")
def table() -> ScoreTable:
    rules = load(RuleSettings())
    return ScoreTable(rules.scores, rules.groups)


@cache
def message() -> Transaction:
    links = " ".join(f"http://site{n}.example/" for n in range(40))
    return a_transaction(
        client=CLIENT,
        helo="helo.example",
        mail_from="joe@path.example",
        message=f"From: joe@author.example\nReply-To: x@reply.example\n\n{links} spam@drop.example\n",
    )


def points(
    table: ScoreTable, answer: Answer, client: dnsbl.Settings, domain: domainlist.Settings
) -> float:
    services = Services(ask=lambda _question: answer, clock=FixedClock())
    tx = message()
    found = [*dnsbl.run(tx, client, services), *domainlist.run(tx, domain, services)]
    return table.apply(found)[1]


SENTINELS = [
    *(f"127.255.255.{n}" for n in range(256)),
    "127.0.0.1",
    "192.0.2.99",
    "198.51.100.1",
    "0.0.0.0",
    "255.255.255.255",
]


def everything_on(**more: Any) -> dict[str, Any]:
    """Answers that would mean something whatever comes back, in every list."""
    greedy = {
        "127.*.*.*": {"symbol": more.pop("symbol"), "weight": 10},
        "&1": more.pop("other"),
    }
    names = more.pop("names")
    return {name: {"enabled": True, "answers": greedy} for name in names} | more


GREEDY_CLIENT = decode(
    dnsbl.Settings,
    {
        "lists": everything_on(
            symbol="DNSBL_LISTED",
            other="DNSBL_SPAMHAUS_DROP",
            names=dnsbl.SHIPPED,
            mine={"zone": "bl.example.org", "answers": {"127.*.*.*": "DNSBL_LISTED"}},
        )
    },
)
GREEDY_DOMAIN = decode(
    domainlist.Settings,
    {
        "lists": everything_on(
            symbol="DOMAINLIST_LISTED", other="DOMAINLIST_DBL_PHISH", names=domainlist.SHIPPED
        ),
        "hashed": everything_on(
            symbol="EMAILLIST_LISTED",
            other="EMAILLIST_MSBL",
            names=domainlist.SHIPPED_ADDRESSES,
        ),
    },
)


@pytest.mark.parametrize(
    ("client", "domain"),
    [(dnsbl.Settings(), domainlist.Settings()), (GREEDY_CLIENT, GREEDY_DOMAIN)],
    ids=["shipped", "greedy"],
)
def test_no_sentinel_counts_whatever_the_settings(
    table: ScoreTable, client: dnsbl.Settings, domain: domainlist.Settings
) -> None:
    for address in SENTINELS:
        assert points(table, Answer(Status.OK, addresses=(address,)), client, domain) == 0.0
        mixed = Answer(Status.OK, addresses=("127.0.0.2", address))
        assert points(table, mixed, client, domain) == 0.0


octets = st.one_of(st.just("*"), st.integers(0, 255).map(str), st.just("2-254"))
patterns = st.one_of(
    st.tuples(st.just("127"), octets, octets, octets).map(".".join),
    st.integers(1, 255).map("&{}".format),
)
tables = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(
            ["bl.example.org", "zen.spamhaus.org", "key.zen.dq.spamhaus.net", "list.dnswl.org"]
        ),
        "answers": st.dictionaries(
            patterns,
            st.fixed_dictionaries(
                {"symbol": st.just("DNSBL_LISTED"), "weight": st.floats(0.1, 10)}
            ),
            min_size=1,
            max_size=6,
        ),
    },
    optional={"refusals": st.lists(patterns, max_size=2), "ipv6": st.booleans()},
)
loopback = st.tuples(st.just("127"), *[st.integers(0, 255).map(str)] * 3).map(".".join)


@given(
    st.dictionaries(st.sampled_from([*dnsbl.SHIPPED, "mine"]), tables, max_size=4),
    st.sampled_from(SENTINELS),
    st.lists(loopback, max_size=3),
    st.randoms(use_true_random=False),
)
def test_no_configuration_lists_by_a_refusal(
    lists: dict[str, Any], sentinel: str, beside: list[str], chance: random.Random
) -> None:
    try:
        settings = decode(dnsbl.Settings, {"lists": lists})
    except ConfigError:
        return  # refused at start, with the reason
    addresses = [sentinel, *beside]
    chance.shuffle(addresses)
    services = Services(
        ask=lambda _question: Answer(Status.OK, addresses=tuple(addresses)), clock=FixedClock()
    )
    assert list(dnsbl.run(message(), settings, services)) == []


def shipped_refusals() -> Iterator[tuple[DnsList, str]]:
    every = [*dnsbl.SHIPPED.values(), *domainlist.SHIPPED.values()]
    for dns_list in every:
        for text in dns_list.refusals:
            yield dns_list, "127.0.0.1" if text == "&1" else text
            if text == "&1":
                yield dns_list, "127.0.0.129"


@pytest.mark.parametrize(("dns_list", "address"), list(shipped_refusals()))
def test_signs_of_a_shipped_list_never_list(
    dns_list: DnsList, address: str, table: ScoreTable
) -> None:
    only = {
        name: {"enabled": each.zone == dns_list.zone} for name, each in dnsbl.SHIPPED.items()
    }
    domains = {
        name: {"enabled": each.zone == dns_list.zone}
        for name, each in domainlist.SHIPPED.items()
    }
    client = decode(dnsbl.Settings, {"lists": only})
    domain = decode(domainlist.Settings, {"lists": domains})
    assert points(table, Answer(Status.OK, addresses=(address,)), client, domain) == 0.0


@pytest.mark.parametrize("zone", RETIRED)
def test_dead_list_is_never_asked_whatever_the_settings(zone: str) -> None:
    lists = {
        f"x{n}": {"zone": name} for n, name in enumerate((zone, f"dnsbl.{zone}", zone.upper()))
    }
    client = decode(dnsbl.Settings, {"lists": lists})
    domain = decode(domainlist.Settings, {"lists": lists, "hashed": lists})
    tx = message()
    asked = [*dnsbl.questions(tx, client), *domainlist.questions(tx, domain)]
    assert [q.name for q in asked if zone in q.name] == []
    assert len(list(client.warnings())) == 3
    assert len(list(domain.warnings())) == 6


def test_all_lists_together_tag_and_do_not_reject(table: ScoreTable) -> None:
    answers = [
        Answer(Status.OK, addresses=tuple(f"127.0.{z}.{n}" for n in range(2, 250)))
        for z in (0, 1, 2)
    ]
    for answer in answers:
        assert points(table, answer, GREEDY_CLIENT, GREEDY_DOMAIN) < REJECT


def test_no_list_alone_tags(table: ScoreTable) -> None:
    every = {**dnsbl.SHIPPED, **domainlist.SHIPPED, **domainlist.SHIPPED_ADDRESSES}
    for name, dns_list in every.items():
        for meaning in dns_list.answers.values():
            assert table.apply([Hit(meaning.symbol)])[1] < TAG, name


# -- what deploy/README.md says ----------------------------------------------------------------------

README = (Path(__file__).parents[2] / "deploy" / "README.md").read_text("utf-8")


def test_manual_lists_every_shipped_list_as_it_is() -> None:
    rows = dict(
        re.findall(r"^\| ([a-z-]+) \| `([a-z.]+)` \| (?:on|off) \|", README, re.MULTILINE)
    )
    states = dict(
        re.findall(r"^\| ([a-z-]+) \| `[a-z.]+` \| (on|off) \|", README, re.MULTILINE)
    )
    shipped = {**dnsbl.SHIPPED, **domainlist.SHIPPED, **domainlist.SHIPPED_ADDRESSES}
    assert rows == {name: each.zone for name, each in shipped.items()}
    assert states == {name: "on" if each.enabled else "off" for name, each in shipped.items()}


def test_settings_of_the_manual_are_settings() -> None:
    (text,) = (
        block for block in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "dqs" in block
    )
    tables = tomllib.loads(text)
    assert decode(DnsSettings, tables["dns"]).moved
    assert not decode(dnsbl.Settings, tables["checks"]["dnsbl"]).lists["psbl"].enabled
    assert decode(domainlist.Settings, tables["checks"]["domainlist"]).lists["ours"].roles == (
        "link",
        "from",
    )


def test_caps_of_the_manual_are_the_caps(table: ScoreTable) -> None:
    assert [table.groups[name].cap for name in ("dnsbl", "domainlist")] == [7.0, 7.0]
    assert REJECT > 7.0 + 7.0

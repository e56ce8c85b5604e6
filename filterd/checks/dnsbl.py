"""dnsbl - is the client listed in a DNS list, to its shame or its honour (RFC 5782)?

Owns:   symbols DNSBL_* and DNSWL_*; the client lists that are shipped.
Asks:   one A question for each list, at CONNECT; nothing for our own clients and private addresses.
Not here: what an answer means and what never counts (dns.dnslist), dead lists (dns.retired), paused
        zones (dns.watch), domains (checks.domainlist), scores and their cap (rules/00-reputation.toml).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any

from pydantic import Field, field_validator, model_validator

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.lookup import Question
from filterd.core.space import is_public
from filterd.core.stage import Stage
from filterd.core.transaction import Address, Transaction
from filterd.dns.dnslist import DnsList, Meaning, judge, merged, unknown_symbols

LISTED, WELCOME = "DNSBL_LISTED", "DNSWL_LISTED"  # for an admin's own lists
SYMBOLS = (
    LISTED,
    "DNSBL_SPAMHAUS_SBL",
    "DNSBL_SPAMHAUS_CSS",
    "DNSBL_SPAMHAUS_XBL",
    "DNSBL_SPAMHAUS_DROP",
    "DNSBL_SPAMHAUS_PBL",
    "DNSBL_SPAMCOP",
    "DNSBL_PSBL",
    "DNSBL_MAILSPIKE",
    "DNSBL_BARRACUDA",
    WELCOME,
    "DNSWL_LOW",
    "DNSWL_MEDIUM",
    "DNSWL_HIGH",
    "DNSWL_MAILSPIKE",
)

# RFC 5782 5: 127.0.0.2 must be listed, 127.0.0.1 must not.
_LISTED_POINT, _CLEAN_POINT = "2.0.0.127", "1.0.0.127"


def _a_list(zone: str, answers: Mapping[str, str], **more: Any) -> DnsList:
    meanings = {text: Meaning(symbol=symbol) for text, symbol in answers.items()}
    more.setdefault("test_listed", _LISTED_POINT)
    return DnsList(zone=zone, answers=meanings, test_clean=_CLEAN_POINT, **more)


# Alive, and free for small sites with a resolver of their own; see deploy/README.md for their terms.
SHIPPED: Mapping[str, DnsList] = {
    "spamhaus": _a_list(
        "zen.spamhaus.org",
        {
            "127.0.0.2": "DNSBL_SPAMHAUS_SBL",
            "127.0.0.3": "DNSBL_SPAMHAUS_CSS",
            "127.0.0.4-7": "DNSBL_SPAMHAUS_XBL",
            "127.0.0.9": "DNSBL_SPAMHAUS_DROP",
            "127.0.0.10-11": "DNSBL_SPAMHAUS_PBL",
        },
        ipv6=True,
    ),
    "spamcop": _a_list("bl.spamcop.net", {"127.0.0.2": "DNSBL_SPAMCOP"}),
    "psbl": _a_list("psbl.surriel.com", {"127.0.0.2": "DNSBL_PSBL"}),
    "mailspike": _a_list(
        "bl.mailspike.net",
        {"127.0.0.2": "DNSBL_MAILSPIKE", "127.0.0.10-12": "DNSBL_MAILSPIKE"},
        test_listed="",  # its test points are not documented
    ),
    "barracuda": _a_list(  # serves registered addresses only
        "b.barracudacentral.org", {"127.0.0.2": "DNSBL_BARRACUDA"}, enabled=False
    ),
    "dnswl": _a_list(
        "list.dnswl.org",
        {"127.0.*.1": "DNSWL_LOW", "127.0.*.2": "DNSWL_MEDIUM", "127.0.*.3": "DNSWL_HIGH"},
        refusals=("127.0.0.255",),  # over the limit of 100,000 questions a day
        ipv6=True,
        test_listed="",
    ),
    "mailspike-welcome": _a_list(
        "wl.mailspike.net", {"127.0.0.18-20": "DNSWL_MAILSPIKE"}, test_listed=""
    ),
}


class Settings(CheckSettings):
    """`[checks.dnsbl]`: `[checks.dnsbl.lists.NAME]` changes a shipped list or adds one."""

    lists: Mapping[str, DnsList] = Field(
        default=SHIPPED,
        description="DNS lists of client addresses by name: spamhaus, spamcop, psbl, mailspike, barracuda"
        " (off: it wants registration), dnswl, mailspike-welcome, and your own. A shipped list keeps what"
        " you do not set. Answers of your own lists mean DNSBL_LISTED (127.0.0.2 does unless you say"
        " otherwise) or DNSWL_LISTED, with a weight.",
    )

    @field_validator("lists", mode="before")
    @classmethod
    def _merge(cls, given: Any) -> Any:
        return merged(SHIPPED, given, LISTED)

    @model_validator(mode="after")
    def _symbols(self) -> Settings:
        problems = unknown_symbols(self.lists, SYMBOLS)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def warnings(self) -> Iterable[str]:
        return [text for name, each in self.lists.items() if (text := each.warning(name))]

    @cached_property
    def asked(self) -> tuple[DnsList, ...]:
        """The lists that are asked."""
        return tuple(each for each in self.lists.values() if each.is_asked)

    @cached_property
    def lookups(self) -> Callable[[Address], tuple[tuple[DnsList, Question], ...]]:
        """The lists to ask about a client, with the question; made once for all stages."""

        @lru_cache(maxsize=64)  # 1.5 kB each
        def of(client: Address) -> tuple[tuple[DnsList, Question], ...]:
            return tuple(
                (each, each.client_question(client))
                for each in self.asked
                if each.ipv6 or client.version == 4
            )

        return of


def _lists(tx: Transaction, settings: Settings) -> Iterable[tuple[DnsList, Question]]:
    """The lists to ask about this client, with the question."""
    client = _client(tx)
    return settings.lookups(client) if client is not None else ()


def _client(tx: Transaction) -> Address | None:
    session = tx.session
    if session.client is None or session.is_local or session.is_authenticated:
        return None
    return session.client if is_public(session.client) else None


def questions(tx: Transaction, settings: Settings) -> Iterable[Question]:
    """One for each list; a paused zone is held by the resolver, so that nothing goes out."""
    return [asked for _, asked in _lists(tx, settings)]


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """A hit for each meaning of each list's answer; whatever is not a clear listing is nothing."""
    subject = str(tx.session.client)
    zones = services.zones
    for dns_list, asked in _lists(tx, settings):
        if zones is not None and not zones.is_usable(dns_list.zone):
            continue
        found = judge(dns_list, services.ask(asked))
        if zones is not None and not zones.observe(dns_list.zone, found.listing, subject):
            continue
        for meaning, address in found.meanings:
            yield Hit(meaning.symbol, f"{dns_list.zone} {address}", meaning.weight)


CHECK = Check(
    name="dnsbl",
    stage=Stage.CONNECT,
    settings=Settings,
    symbols=SYMBOLS,
    questions=questions,
    run=run,
)

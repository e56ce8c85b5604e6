"""dnslist - one DNS list (RFC 5782): its zone, what its answers mean, what is no listing at all.

Owns:   DnsList, Meaning, judge; query names of addresses; merging of shipped lists with an admin's.
Not here: retired zones (retired.py), the health of zones (watch.py), what is looked up (checks).
Rules of this file, none of which a setting can switch off:
1. Only addresses within 127.0.0.0/8 can list, and only those that the settings name.
2. 127.255.255.0/24, 127.0.0.1 and the list's own signs are refusals. An answer with a refusal or with
   a foreign address among its addresses says nothing, whatever else is in it.
3. No answer is not "clean" and not "listed" but unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from ipaddress import IPv4Address
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from filterd.core.lookup import Answer, Listing, Question, RRType, Status
from filterd.core.settings import Flag, Settings
from filterd.core.transaction import Address
from filterd.dns.retired import reason
from filterd.mail.domain import to_alabel

_OCTET = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?\Z")
_BITS = re.compile(r"&([0-9]{1,3})\Z")

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Return addresses: a range for each octet, or bits of the last one that must all be set."""

    ranges: Ranges = ()
    bits: int = 0

    def fits(self, octets: tuple[int, ...]) -> bool:
        if self.bits:
            return octets[3] & self.bits == self.bits
        return all(
            low <= octet <= high for octet, (low, high) in zip(octets, self.ranges, strict=True)
        )


@lru_cache(maxsize=512)
def parse_pattern(text: str) -> Pattern:
    """Return the pattern of "127.0.0.2", "127.0.0.4-7", "127.0.*.3" or "&8"; ValueError else."""
    bits = _BITS.match(text)
    if bits is not None:
        if not 0 < int(bits.group(1)) < 256:
            raise ValueError(f'expected bits from "&1" to "&255", got {text!r}')
        return Pattern(bits=int(bits.group(1)))
    ranges = tuple(_range(part) for part in text.split("."))
    if len(ranges) != 4 or any(not 0 <= low <= high <= 255 for low, high in ranges):
        raise ValueError(
            f'expected an address such as "127.0.0.2", "127.0.0.4-7" or "&8", got {text!r}'
        )
    return Pattern(ranges)


def _range(part: str) -> tuple[int, int]:
    """The range of one octet; an impossible one where there is none."""
    if part == "*":
        return 0, 255
    match = _OCTET.match(part)
    if match is None:
        return 1, 0
    low = int(match.group(1))
    return low, int(match.group(2) or low)


def _listing_pattern(text: str) -> str:
    """Refuse patterns of which no address could be a listing."""
    pattern = parse_pattern(text)
    if pattern.ranges:
        if pattern.ranges[0] != (127, 127):
            raise ValueError(f"{text}: only addresses within 127.0.0.0/8 can be listings")
        if pattern.ranges == ((127, 127), (0, 0), (0, 0), (1, 1)):
            raise ValueError(f"{text}: is never a listing (RFC 5782 5)")
        if pattern.ranges[1:3] == ((255, 255), (255, 255)):
            raise ValueError(f"{text}: is how lists refuse to answer, never a listing")
    return text


def _refusal_pattern(text: str) -> str:
    parse_pattern(text)
    return text


class Meaning(Settings):
    """What a return address stands for."""

    symbol: str = Field(description="The symbol that is hit.")
    weight: float = Field(
        default=1.0, gt=0, le=10, description="Multiplier of the symbol's score."
    )


def _to_meaning(value: Any) -> Any:
    return {"symbol": value} if isinstance(value, str) else value


def _to_zone(text: str) -> str:
    zone = to_alabel(text)
    if zone is None or "." not in zone:
        raise ValueError(f'expected a zone such as "bl.example.org", got {text!r}')
    return zone


ListingPattern = Annotated[str, AfterValidator(_listing_pattern)]
RefusalPattern = Annotated[str, AfterValidator(_refusal_pattern)]
ZoneName = Annotated[str, AfterValidator(_to_zone)]
ToMeaning = Annotated[Meaning, BeforeValidator(_to_meaning)]


class DnsList(Settings):
    """One list. A shipped one needs only what differs, e.g. `enabled = false`."""

    zone: ZoneName = Field(description="Where questions go, e.g. bl.example.org.")
    enabled: Flag = Field(default=True, description="Whether the list is asked.")
    answers: Mapping[ListingPattern, ToMeaning] = Field(
        default={},
        description='What return addresses mean: "127.0.0.2", "127.0.0.4-7", "127.0.*.3" or bits of the last '
        'number as "&8", each with a symbol or { symbol = "...", weight = 1.5 }.',
    )
    refusals: tuple[RefusalPattern, ...] = Field(
        default=(),
        description="Return addresses by which this list refuses to answer, beside 127.255.255.0/24"
        " and 127.0.0.1, which always do.",
    )
    ipv6: Flag = Field(default=False, description="Whether IPv6 addresses are asked for.")
    test_listed: str = Field(
        default="",
        description="A name below the zone that must be listed (RFC 5782 5); empty: none.",
    )
    test_clean: str = Field(
        default="", description="A name below the zone that must not be listed; empty: none."
    )

    @property
    def is_asked(self) -> bool:
        """Whether it is enabled and alive."""
        return self.enabled and not reason(self.zone)

    def warning(self, name: str) -> str:
        """Why it is not asked although enabled; "" if it is."""
        died = reason(self.zone) if self.enabled else ""
        return f"lists.{name}: {self.zone} is not asked: {died}" if died else ""

    @cached_property
    def judged(self) -> Callable[[tuple[str, ...]], Judgement]:
        """What return addresses mean; a list has few, so each is worked out once."""
        return lru_cache(maxsize=256)(partial(_judge, self))

    def question(self, name: str) -> Question:
        """The question about a name below the zone, in lower case."""
        return Question(f"{name}.{self.zone}", _A)

    def client_question(self, client: Address) -> Question:
        """The question about an address: octets or nibbles backwards (RFC 5782 2.1, 2.4)."""
        return self.question(_backwards(client))


@lru_cache(maxsize=64)  # every list has a question about the same client
def _backwards(client: Address) -> str:
    name = client.reverse_pointer
    return name.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer means; `meanings` with the return address of each, for LISTED only."""

    listing: Listing
    meanings: tuple[tuple[Meaning, str], ...] = ()


_UNKNOWN = Judgement(Listing.UNKNOWN)
_CLEAN = Judgement(Listing.CLEAN)
_A, _TEMPFAIL = RRType.A, Status.TEMPFAIL  # a member is slow to find in its class


def judge(dns_list: DnsList, answer: Answer) -> Judgement:
    """Return what an answer of that list means."""
    if answer.status is _TEMPFAIL:
        return _UNKNOWN
    return dns_list.judged(answer.addresses) if answer.addresses else _CLEAN


def _judge(dns_list: DnsList, addresses: tuple[str, ...]) -> Judgement:
    found: dict[str, tuple[Meaning, str]] = {}
    refused = foreign = False
    for address in addresses:
        octets = tuple(IPv4Address(address).packed)
        if octets[0] != 127:
            foreign = True
        elif _is_refusal(dns_list, octets):
            refused = True
        else:
            for text, meaning in dns_list.answers.items():
                if parse_pattern(text).fits(octets):
                    found.setdefault(meaning.symbol, (meaning, address))
    if foreign:
        return Judgement(Listing.FOREIGN)
    if refused:
        return Judgement(Listing.REFUSED)
    return Judgement(Listing.LISTED, tuple(found.values())) if found else _CLEAN


def _is_refusal(dns_list: DnsList, octets: tuple[int, ...]) -> bool:
    return (
        octets[1:3] == (255, 255)
        or octets == (127, 0, 0, 1)
        or any(parse_pattern(text).fits(octets) for text in dns_list.refusals)
    )


def merged(shipped: Mapping[str, DnsList], given: Any, symbol: str) -> Any:
    """Return the tables of all lists: the shipped ones, changed and added to by an admin's.

    An added list that does not say what its answers mean has 127.0.0.2 for `symbol`. What is no
    table is left for the decoder to complain about.
    """
    if not isinstance(given, Mapping):
        return given
    tables: dict[str, Any] = {name: each.model_dump() for name, each in shipped.items()}
    for name, table in given.items():
        if isinstance(table, DnsList):
            table = table.model_dump()
        if isinstance(table, Mapping):
            # A list here came through JSON; behind a validator strict pydantic wants the tuple.
            given_keys = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
            table = {**tables.get(name, {"answers": {"127.0.0.2": symbol}}), **given_keys}
        tables[name] = table
    return tables


def unknown_symbols(lists: Mapping[str, DnsList], known: Iterable[str]) -> list[str]:
    """Return one complaint for each symbol that no score is kept for."""
    names = frozenset(known)
    return [
        f"{name}: no symbol {meaning.symbol!r} here; known: {', '.join(sorted(names))}"
        for name, each in lists.items()
        for meaning in each.answers.values()
        if meaning.symbol not in names
    ]

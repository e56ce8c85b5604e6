"""spfahead - what an SPF evaluation is going to ask, told from the records as they arrive.

Owns:   leads: the record of a domain, and the names in it, so that an include chain runs while the SMTP
        dialogue goes on instead of one round trip after the other at end-of-message.
Not here: evaluation (auth.spf), which asks what it needs whatever was announced.
Rules of this file: a guess may miss (macros are left alone) but is bounded: MAX_LEADS questions for one
        identity. A record is read up to the term that matches for certain; what lies behind it is
        not going to be asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from filterd.auth.iprev import forward_question, reverse_question
from filterd.auth.spf import MAX_NAMES, MAX_RECORD, MAX_TERMS, address_number, first_name
from filterd.core.lookup import Answer, Asked, Lead, RRType, question
from filterd.core.transaction import Address

MAX_LEADS = 20  # ten terms may ask (RFC 7208 4.6.4), an mx asks twice

_TERM = re.compile(
    rb"([+?~-]?)(include|redirect|ip4|ip6|mx|ptr|all|a)(?:[:=]([^ %]*))?(?= |\Z)"
)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+\.?\Z")


class _Chain:
    """The leads of one identity; each name and type is followed once."""

    def __init__(self, client: Address) -> None:
        self._client = client
        self._left = MAX_LEADS
        self._seen: set[str] = set()

    def record(self, name: str) -> Iterator[Asked]:
        """The TXT question of a name, and what its record leads to."""
        name = name.lower().removesuffix(".")
        if name in self._seen or not self._take():
            return
        self._seen.add(name)
        yield Lead(question(name, RRType.TXT), lambda answer: self._terms(answer, name))

    def _take(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def _terms(self, answer: Answer, domain: str) -> Iterator[Asked]:
        records = [text for text in answer.txt if text[:7].lower() == b"v=spf1 "]
        if len(records) != 1 or len(records[0]) > MAX_RECORD:
            return
        for kind, argument, network in _parse(records[0]):
            if kind == "all" or (network is not None and self._is_in(network)):
                return
            if network is None:
                yield from self._asked(kind, argument, domain)

    def _is_in(self, network: Network) -> bool:
        bits, shift, number = network
        return bits == self._client.max_prefixlen and int(self._client) >> shift == number

    def _asked(self, kind: str, argument: str, domain: str) -> Iterator[Asked]:
        """What one term asks."""
        if kind in {"include", "redirect"}:
            if _NAME.match(argument):
                yield from self.record(argument)
            return
        name = argument.partition("/")[0] or domain
        if not _NAME.match(name) or not self._take():
            return
        match kind:
            case "a":
                yield forward_question(name, self._client)
            case "mx":
                yield Lead(question(name, RRType.MX), self._exchanges)
            case "ptr":
                yield reverse_question(self._client)

    def _exchanges(self, answer: Answer) -> Iterator[Asked]:
        for _, name in sorted(answer.mx)[:MAX_NAMES]:
            if name and self._take():
                yield forward_question(name, self._client)


Network = tuple[int, int, int]  # bits of its addresses, how many are free, value of the others
Term = tuple[str, str, Network | None]


@lru_cache(maxsize=512)
def _parse(record: bytes) -> tuple[Term, ...]:
    """The terms of a record that matter here: kind, argument, network of an address."""
    terms: list[Term] = []
    for text in record.lower().split(b" ")[1:MAX_TERMS]:
        match = _TERM.match(text)
        if match is not None:
            kind = match.group(2).decode("ascii")
            argument = (match.group(3) or b"").decode("ascii", "replace")
            network = None
            if kind in {"ip4", "ip6"}:
                network = _network(argument)
                if network is None:
                    continue
            terms.append((kind, argument, network))
    return tuple(terms)


def _network(text: str) -> Network | None:
    address, slash, prefix = text.partition("/")
    bits, number = address_number(address)
    if slash and not (prefix.isdecimal() and len(prefix) < 4):
        return None
    shift = bits - int(prefix) if slash else 0
    return (bits, shift, number >> shift) if bits and shift >= 0 else None


def leads(client: Address, reverse_path: str, helo: str) -> Iterable[Asked]:
    """Return what evaluating the identity of that reverse-path is going to ask first, and then."""
    name = first_name(reverse_path, helo)
    return _Chain(client).record(name) if name is not None else ()

"""lookup - DNS as data: a question, an answer with a status, the resolver seam.

Owns:   Question, Lead, Answer, Status, RRType; the Resolver protocol; Listing, ZoneHealth (DNS lists, RFC 5782).
Rules of this file: an answer is never an exception. NXDOMAIN and NODATA are facts, TEMPFAIL
        (SERVFAIL, REFUSED, timeout, garbage, deadline) is "unknown" and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol


class RRType(Enum):
    """Record types that the filter asks for; value is the RFC 1035 type number."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28

    __hash__ = (
        object.__hash__
    )  # by identity, as members are compared; Enum's own runs Python code


class Status(Enum):
    """What an answer says about the name and type (RFC 2308)."""

    OK = "ok"  # at least one record
    NODATA = "nodata"  # the name exists, the type does not
    NXDOMAIN = "nxdomain"
    TEMPFAIL = "tempfail"

    __hash__ = object.__hash__  # as above


class Question(NamedTuple):
    """A name (lower case, A-labels, no trailing dot) and a type. Use `question` to make one.

    A tuple, since some fifty a message are made, hashed and compared.
    """

    name: str
    rrtype: RRType


def question(name: str, rrtype: RRType) -> Question:
    """Return the normalised question for `name` (A-labels expected; dot and case folded)."""
    return Question(name.rstrip(".").lower(), rrtype)


class Answer(NamedTuple):
    """The outcome of one question.

    `records` by type: A, AAAA: address text; NS, CNAME, PTR: name without trailing dot, lower case;
    MX: "preference exchange" is split into (int, str) in `mx`; TXT: the strings of one record
    joined, as bytes in `txt`. Only the field that fits the type is filled.
    """

    status: Status
    names: tuple[str, ...] = ()  # NS, CNAME, PTR, SOA (mname)
    addresses: tuple[str, ...] = ()  # A, AAAA
    mx: tuple[tuple[int, str], ...] = ()  # preference, exchange ("" for null MX, RFC 7505)
    txt: tuple[bytes, ...] = ()
    ttl: int = 0  # seconds
    reason: str = ""  # of TEMPFAIL: "timeout", "servfail", "refused", "garbage", ...
    dnssec: bool = False  # AD bit from a trusted resolver


NXDOMAIN = Answer(Status.NXDOMAIN)
NODATA = Answer(Status.NODATA)


def tempfail(reason: str) -> Answer:
    """Return the answer that says "not known now" and why."""
    return Answer(Status.TEMPFAIL, reason=reason)


Ask = Callable[[Question], Answer]


@dataclass(frozen=True, slots=True)
class Lead:
    """A question to prefetch whose answer says what will be asked next.

    `follow` is called with the answer as soon as it is there, in whatever thread that happens: it
    must be quick, must not ask, and what it yields is prefetched in turn. Whoever follows bounds
    the chain.
    """

    question: Question
    follow: Callable[[Answer], Iterable[Question | Lead]]


Asked = Question | Lead  # what may be announced


class Resolver(Protocol):
    """Answers questions within a deadline. Thread-safe.

    `deadline` is in `time.monotonic()` seconds; past it the answer is TEMPFAIL "deadline".
    """

    def ask(self, question: Question, deadline: float) -> Answer: ...

    def prefetch(self, questions: Iterable[Asked]) -> None:
        """Send the questions now, so that a later `ask` finds the answer; never blocks."""
        ...

    def close(self) -> None: ...


class Listing(Enum):
    """What the answer of a DNS list means; only LISTED says anything about who was asked for."""

    LISTED = "listed"  # an address that the list's settings give a meaning
    CLEAN = "clean"  # NXDOMAIN, NODATA, or 127.0.0.0/8 addresses without a meaning here
    UNKNOWN = "unknown"  # no answer
    REFUSED = "refused"  # the list does not serve us (127.255.255.0/24, or its own sign)
    FOREIGN = "foreign"  # an address outside 127.0.0.0/8: the list's domain has another owner


class ZoneHealth(Protocol):
    """What this process knows of the zones of DNS lists. Thread-safe, never blocks."""

    def is_usable(self, zone: str) -> bool:
        """False while a zone is paused: its answers are not believed, so it is not asked."""
        ...

    def observe(self, zone: str, listing: Listing, subject: str) -> bool:
        """Take note of one answer; whether the zone is believed. `subject`: whom it was about."""
        ...

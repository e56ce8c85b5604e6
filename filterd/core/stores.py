"""stores - shared state in domain words; memory, SQLite and Redis implement these protocols.

Owns:   GreylistStore, RateStore, CorrespondentStore, TrapStore, Remembered, PauseStore, DmarcReportStore,
        HistoryStore, their values, StoreHealth.
Rules of this file: no Redis word, no SQL word, no key format. One call is one round trip and is
        atomic across workers and machines. Every method may raise StoreUnavailable, nothing else.
        Times are seconds since the epoch and come from the caller's clock, never from the store's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from filterd.core.history import VerdictQuery, VerdictRecord


class Standing(Enum):
    """How a delivery stands after this attempt (RFC 6647)."""

    FIRST = "first"  # nothing known, or what was known has expired: wait
    EARLY = "early"  # came back before the delay was over: wait on, the clock is not reset
    PASSED = "passed"  # came back after the delay and within the window, just now
    KNOWN = "known"  # had passed before
    ALLOWED = "allowed"  # not asked for: its network or domain has passed often enough

    @property
    def must_wait(self) -> bool:
        return self in {Standing.FIRST, Standing.EARLY}


class Terms(NamedTuple):
    """What a greylist asks; seconds. The retry counts from the first attempt."""

    delay: float = 90.0  # at least this long
    window: float = 2 * 86400.0  # at most this long, or it is a first attempt again
    expiry: float = 35 * 86400.0  # since its last use, what passed is kept
    passes: int = 5  # of a client until it is allowed without asking; 0 = never


class Greylisted(NamedTuple):
    """What the store knows of a delivery after this attempt."""

    standing: Standing
    first_seen: float
    attempts: int  # this one included; 1 = first
    passes: int  # of this client network or domain, this one included


@dataclass(frozen=True, slots=True)
class LedgerDay:
    """What greylisting did on one day (of the first attempt); `delays` and `scores` are histograms.

    A delay bucket b holds 2**(b/4) to 2**((b+1)/4) seconds; a score bucket b holds b to b+1 points.
    """

    day: int  # days since the epoch, UTC
    deferred: int = 0
    returned: int = 0
    delays: Mapping[int, int] = field(default_factory=dict)
    scores: Mapping[int, int] = field(default_factory=dict)


class GreylistStore(Protocol):
    """Deliveries (triplets). `client` and `deliveries` are opaque, made in store.keys."""

    def attempt(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        """Record one attempt atomically and say how it stands; never two FIRST for one delivery.

        `client` with one of `deliveries` is a triplet. Several are those of all recipients of one
        message: what holds for the best of them holds for all.
        """
        ...

    def look(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        """What `attempt` would say; nothing is recorded."""
        ...

    def content(self, first_seen: float, score: float) -> None:
        """Note for the ledger what the content of a delivery that came back was worth."""
        ...

    def ledger(self, since: float) -> Sequence[LedgerDay]:
        """The days from `since` on, oldest first."""
        ...


WRONG_CLOCK = 86400.0  # seconds in the future from which a note is taken for a wrong clock's


class Bucket(NamedTuple):
    """One leaky bucket: `limit` per `period` seconds leak out of it, `burst` fit into it."""

    key: str
    limit: float
    period: float
    burst: float

    def left(self, level: float, at: float, now: float) -> float:
        """What is left now of a level of then; nothing of one that a wrong clock noted."""
        if at > now + WRONG_CLOCK:
            return 0.0
        return max(0.0, level - max(0.0, now - at) * self.limit / self.period)


Fact = tuple[
    Literal["bucket", "correspondent", "trap"], str
]  # what is remembered, by kind and key
Numbers = tuple[float, ...]  # what is remembered of it, as a StoreRow has it


class RateStore(Protocol):
    """Leaky buckets, exact across workers and machines."""

    def charge(self, buckets: Sequence[Bucket], cost: float, now: float) -> Sequence[float]:
        """Add `cost` to every bucket, or to none if one would overflow; return the levels.

        A level is what the bucket holds with this charge, kept or not: above `burst` is over the limit.
        """
        ...

    def fill(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        """`charge` for who has no use for the answer, and so does not wait for it.

        Done before any call that is begun when it has returned; a failure may be that call's.
        """
        ...

    def levels(self, buckets: Sequence[Bucket], now: float) -> Sequence[float]:
        """What each bucket holds now; changes nothing."""
        ...

    def glimpse(self, bucket: Bucket, now: float) -> float:
        """What it holds as far as that is known here without asking a server; 0.0 else."""
        ...

    def refund(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        """Take a charge back."""
        ...


class CorrespondentStore(Protocol):
    """When a hashed (local, remote) pair was last written to, or a Message-ID of ours was sent."""

    def sent(self, keys: Sequence[str], now: float, seconds: float) -> None:
        """Remember each key for `seconds` from now."""
        ...

    def last_sent(self, keys: Sequence[str], now: float) -> Sequence[float]:
        """The time of the last `sent` of each key, 0.0 where none is remembered."""
        ...


class TrapStore(Protocol):
    """Clients that wrote to a spamtrap lately."""

    def spring(self, keys: Sequence[str], now: float, seconds: float) -> None:
        """List each key for `seconds` from now."""
        ...

    def trapped_until(self, keys: Sequence[str], now: float) -> float:
        """Until when the longest listed of the keys is listed; 0.0 when none is."""
        ...


class Remembered(RateStore, CorrespondentStore, TrapStore, Protocol):
    """These three in one place."""

    def recall(self, facts: Sequence[Fact]) -> Sequence[Numbers]:
        """The numbers of each fact, those of a StoreRow; () of what is not there. They may have expired."""
        ...


@dataclass(frozen=True, slots=True)
class ZonePause:
    """A zone of a DNS list that is not believed, for whatever reason, until then."""

    zone: str
    until: float  # seconds since the epoch
    reason: str
    refusals: int = 0  # in a row; the next pause is longer


class PauseStore(Protocol):
    """What one worker finds out about a zone, all of them know, on every machine."""

    def pause(self, pause: ZonePause, now: float) -> bool:
        """Share it; the later end counts. True when nobody had paused the zone yet."""
        ...

    def resume(self, zone: str) -> bool:
        """Forget the pause; True when there was one."""
        ...

    def pauses(self, now: float) -> Sequence[ZonePause]:
        """Those that last."""
        ...


@dataclass(frozen=True, slots=True)
class DmarcSeen:
    """What is reported of one message to the owner of its author domain (RFC 9990); no address in it."""

    policy_domain: str  # where the record was found
    record: str  # its text
    source: str  # address of the client
    header_from: str
    envelope_from: str  # domain, "" for the null reverse-path
    disposition: str  # "none", "pass", "quarantine", "reject"
    dkim: str  # in alignment: "pass" or "fail"
    spf: str  # in alignment: "pass" or "fail"
    reasons: tuple[tuple[str, str], ...] = ()  # of an override: type, comment
    signatures: tuple[tuple[str, str, str, str], ...] = ()  # d=, s=, result, reason
    spf_checked: tuple[str, str, str] = ("", "", "")  # domain, result, reason


class DmarcReportStore(Protocol):
    """DMARC results waiting to be reported, counted by equal ones; days are UTC, since the epoch."""

    def add(self, seen: DmarcSeen, now: float) -> None:
        """Count one message."""
        ...

    def days(self) -> Sequence[int]:
        """Days that have results, oldest first."""
        ...

    def results(self, day: int) -> Iterator[tuple[DmarcSeen, int]]:
        """Every distinct result of that day and how often it was seen, ordered by policy domain."""
        ...

    def drop(self, day: int, policy_domain: str = "") -> None:
        """Forget what has been reported: of one domain, or of everybody and all days before, too."""
        ...

    def claim(self, day: int, name: str, now: float, seconds: float) -> bool:
        """Take a piece of that day's work for so long; False while somebody else has it."""
        ...

    def hold(self, day: int, name: str, now: float, seconds: float) -> None:
        """Keep a piece of work that was claimed for so long from now; 0 gives it back."""
        ...


class HistoryStore(Protocol):
    """Verdicts given. Recording is queued: it neither waits nor fails; `flush` waits."""

    def record(self, record: VerdictRecord) -> None:
        """Queue one record; when the queue is full the record is dropped and counted."""
        ...

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until what is queued has been written; False if that took too long."""
        ...

    def find(self, identifier: str) -> VerdictRecord | None:
        """The newest verdict with that why-id or queue-id."""
        ...

    def search(self, query: VerdictQuery) -> Sequence[VerdictRecord]:
        """Verdicts that match every given field of the query, newest first, at most `limit`."""
        ...

    def replay(self, since: float) -> Iterator[VerdictRecord]:
        """Every verdict from `since` on, oldest first; memory stays bounded."""
        ...


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How a store is; for status, metrics and doctor."""

    name: str  # "state", "history"
    kind: str  # "memory", "sqlite", "redis"
    where: str  # path or address, without a password
    is_available: bool
    since: float = 0.0  # of this state, seconds since the epoch
    last_error: str = ""
    calls: int = 0  # all, refused ones included
    failures: int = 0  # of them: failed, or refused while it was down
    milliseconds: float = 0.0  # moving average of one call
    queued: int = 0  # records not yet written (history)
    dropped: int = 0  # records lost because the queue was full or the write failed


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One remembered fact in the words of export and import: JSON-able values only."""

    kind: str  # "triplet", "client", "ledger", "bucket", "correspondent", "trap"
    key: str
    values: tuple[float, ...]


class Portable(Protocol):
    """State that can be moved between stores (`filterd store export|import`)."""

    def export_rows(self) -> Iterator[StoreRow]: ...

    def import_rows(self, rows: Iterable[StoreRow]) -> int:
        """Write the rows over what is there; the number written."""
        ...

"""cache - what was answered lately, and what is being asked just now.

Owns:   TTLs positive and negative (RFC 2308), their bounds, merging of equal questions in flight,
        holds: on a domain that timed out, and on request (watch.py).
Asks:   the stub, or anything that gives flights.
Not here: sockets (stub.py).
Rules of this file: entries and bytes are bounded, the oldest give way; a TEMPFAIL is kept FAILURE_TTL
        seconds (RFC 2308 7.1 allows 300) so that one message does not ask a broken server ten times.

A domain is held after a real timeout only, for `hold` seconds: whole (the organizational domain), if
nothing below it is known to answer, else just the part that was asked. Nameservers of one domain that
are down would otherwise cost every message the whole budget.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Protocol

from filterd.core.lookup import Answer, Asked, Lead, Question, Status, tempfail
from filterd.dns.flight import Flight
from filterd.mail.domain import organizational

log = logging.getLogger(__name__)

FAILURE_TTL = 5.0  # seconds
MAX_HOLDS = 1_000
MAX_FOLLOWERS = 4  # of one question under way; they would all ask the same
MAX_COUNTED_ZONES = 100  # zones whose timeouts are counted one by one
ENTRY_BYTES = 400  # of an entry beside the text it carries, measured with tracemalloc


Entry = tuple[float, Answer, int]  # monotonic seconds until which it holds, what, bytes
_HELD = tempfail("held")
_OK, _TEMPFAIL = Status.OK, Status.TEMPFAIL  # a member is slow to find in its class


class FlightSource(Protocol):
    """The stub, as the cache sees it."""

    def submit(
        self, question: Question, done: Callable[[Question, Answer], None] | None = None
    ) -> Flight: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class CacheCounters:
    """What happened since the start; for status and metrics."""

    hits: int = 0
    misses: int = 0  # sent on
    merged: int = 0  # with an equal question under way
    held: int = 0  # answered "held" without asking
    evicted: int = 0


def _size(answer: Answer) -> int:
    """About how many bytes an answer takes."""
    if answer.status is not _OK:
        return ENTRY_BYTES
    return (
        ENTRY_BYTES
        + sum([len(text) + 40 for text in answer.txt])
        + 80 * (len(answer.names) + len(answer.addresses) + len(answer.mx))
    )


@lru_cache(maxsize=256)
def _one(answer: Answer) -> Answer:
    """One object for all equal answers: nine of ten say that there is no such name, in 140 bytes each."""
    return answer


def _has_landed(flight: Flight) -> bool:
    """Whether it has by now; another thread may land it at any time."""
    return flight.answer is not None


def _reverse_zone(name: str) -> str | None:
    """The network that a reverse name is held by: /24 of IPv4, /48 of IPv6; None for other names."""
    labels = name.split(".")
    if name.endswith(".in-addr.arpa"):
        return ".".join(labels[-5:])
    if name.endswith(".ip6.arpa"):
        return ".".join(labels[-14:])
    return None


class Cache:
    """A Resolver with memory in front of one without."""

    def __init__(
        self,
        source: FlightSource,
        *,
        entries: int = 10_000,
        size: int = 8 << 20,
        min_ttl: float = 5.0,
        max_ttl: float = 3600.0,
        max_negative_ttl: float = 600.0,
        hold: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counters = CacheCounters()
        self._source = source
        self._max_entries = entries
        self._max_size = size
        self._min_ttl = min_ttl
        self._max_ttl = max_ttl
        self._max_negative_ttl = max_negative_ttl
        self._hold = hold
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._answers: dict[Question, Entry] = {}  # in order of arrival
        self._bytes = 0
        self._flights: dict[Question, Flight] = {}
        self._holds: dict[str, float] = {}
        self._followers: dict[Question, list[Lead]] = {}
        self._timeouts: dict[str, int] = {}

    # -- Resolver -----------------------------------------------------------------------------

    def ask(self, question: Question, deadline: float) -> Answer:
        found = self._find(question)
        return found if isinstance(found, Answer) else found.wait(deadline)

    def prefetch(self, questions: Iterable[Asked]) -> None:
        for asked in questions:
            if isinstance(asked, Lead):
                self._follow(asked)
            else:
                self._find(asked)

    def close(self) -> None:
        self._source.close()

    def probe(self, question: Question, deadline: float) -> Answer:
        """Ask now, whatever is kept or held; the answer is not kept."""
        return self._source.submit(question).wait(deadline)

    def hold(self, zone: str, seconds: float) -> None:
        """Do not ask a zone and what is below it for so long; 0 ends a hold."""
        with self._lock:
            if seconds > 0:
                self._holds[zone] = self._monotonic() + seconds
            else:
                self._holds.pop(zone, None)

    def stats(self) -> Mapping[str, int]:
        """Counters, of the stub too where it has any, and how much is kept."""
        counters: dict[str, int] = asdict(self.counters)
        counters["asked"] = sum(counters.values()) - counters["evicted"]
        source = getattr(self._source, "counters", None)
        if source is not None:
            counters.update(asdict(source))
        counters["entries"] = len(self._answers)
        counters["bytes"] = self._bytes
        counters["holds"] = len(self._live_holds())
        return counters

    def timeouts(self) -> Mapping[str, int]:
        """How often questions of a zone timed out; the first MAX_COUNTED_ZONES zones by name."""
        with self._lock:
            return dict(self._timeouts)

    def held(self) -> tuple[str, ...]:
        """Domains that are not asked just now."""
        return self._live_holds()

    # -- inside -------------------------------------------------------------------------------

    def _follow(self, lead: Lead) -> None:
        """Prefetch a question, and what its answer leads to when that is there."""
        found = self._find(lead.question)
        if not isinstance(found, Answer):
            with self._lock:
                if found.answer is None:
                    followers = self._followers.setdefault(lead.question, [])
                    if len(followers) < MAX_FOLLOWERS:
                        followers.append(lead)
                    return
                found = found.answer
        self.prefetch(lead.follow(found))

    def _find(self, question: Question) -> Answer | Flight:
        """The answer that is known, or the flight that brings it.

        Without the lock: each step is one operation of a dict, and what two threads may do to each
        other is to ask the same twice.
        """
        counters = self.counters  # about right: counting exactly would take the lock
        entry = self._answers.get(question)
        if entry is not None and entry[0] > self._monotonic():
            counters.hits += 1
            return entry[1]
        flight = self._flights.get(question)
        if flight is not None and flight.answer is None:
            counters.merged += 1
            return flight
        if self._holds and self._is_held(question.name):
            counters.held += 1
            return _HELD
        counters.misses += 1
        flight = self._source.submit(question, self._landed)
        if flight.answer is None:
            self._flights[question] = flight
            if _has_landed(flight):
                self._flights.pop(question, None)
        return flight

    def _landed(self, question: Question, answer: Answer) -> None:
        """Called once for each flight, in the reader's thread."""
        is_timeout = answer.reason == "timeout"
        zone = (
            _reverse_zone(question.name) or organizational(question.name) if is_timeout else ""
        )
        with self._lock:
            self._flights.pop(question, None)
            if is_timeout:
                self._note_timeout(question.name, zone or question.name)
            self._keep(question, answer)
            followers = self._followers.pop(question, ())
        for lead in followers:
            try:
                self.prefetch(lead.follow(answer))
            except Exception:  # only latency is lost; who asks later will say what is wrong
                log.exception("%s: cannot follow", question.name)

    def _keep(self, question: Question, answer: Answer) -> None:
        if answer.status is not _TEMPFAIL:
            most = self._max_ttl if answer.status is _OK else self._max_negative_ttl
            ttl = min(max(answer.ttl, self._min_ttl), most)
        elif answer.reason in {"closed", "overload"}:
            return
        else:
            ttl = min(FAILURE_TTL, self._hold) if answer.reason == "timeout" else FAILURE_TTL
        size = _size(answer)
        if answer.status is not _OK:
            answer = _one(answer)
        if question in self._answers:
            self._drop(question)
        if size > self._max_size // 8 or not self._max_entries:
            return
        while len(self._answers) >= self._max_entries or self._bytes + size > self._max_size:
            self._drop(next(iter(self._answers)))
            self.counters.evicted += 1
        self._answers[question] = (self._monotonic() + ttl, answer, size)
        self._bytes += size

    def _drop(self, question: Question) -> None:
        self._bytes -= self._answers.pop(question)[2]

    # -- holds --------------------------------------------------------------------------------

    def _note_timeout(self, name: str, zone: str) -> None:
        if zone in self._timeouts or len(self._timeouts) < MAX_COUNTED_ZONES:
            self._timeouts[zone] = self._timeouts.get(zone, 0) + 1
        if not self._hold:
            return
        now = self._monotonic()
        if self._is_answering(zone, now):  # a part of it is down: hold no more than that
            zone = name if name == zone else name.partition(".")[2]
            if zone.count(".") < 1 or self._is_answering(zone, now):
                zone = name
        self._holds = {held: until for held, until in self._holds.items() if until > now}
        if len(self._holds) < MAX_HOLDS:
            self._holds[zone] = now + self._hold

    def _is_answering(self, zone: str, now: float) -> bool:
        """Whether anything at or below a zone is known; walks the cache, at timeouts only."""
        below = "." + zone
        return any(
            until > now
            and answer.status is not Status.TEMPFAIL
            and (question.name == zone or question.name.endswith(below))
            for question, (until, answer, _) in self._answers.items()
        )

    def _is_held(self, name: str) -> bool:
        """Whether a hold is in force on a name or what is above it; without the lock."""
        while name:
            until = self._holds.get(name)
            if until is not None and until > self._monotonic():
                return True
            name = name.partition(".")[2]
        return False

    def _live_holds(self) -> tuple[str, ...]:
        now = self._monotonic()
        with self._lock:
            return tuple(zone for zone, until in self._holds.items() if until > now)

"""watch - are the zones of DNS lists what they should be?

Owns:   the state of each zone in this process: usable or paused, why, until when; the probes.
Asks:   the store of pauses; the test points of RFC 5782 5 (a name that must be listed, one that must not) at start, hourly, and at
        once when a zone looks odd.
Not here: what an answer means (dnslist.py), how rates are counted (rate.py).

A zone is paused when it refuses us or answers with foreign addresses (15 minutes, doubling up to 4
hours), when a probe finds that it lists everything or nothing (until a probe finds otherwise), and
when its hit rate jumps while no other zone's does (10 minutes; a wave of spam moves them all). While
paused its answers are not believed, and the resolver does not ask. What one worker finds out is in force
in all of them, on every machine with the same store, within SHARE_SECONDS, and is logged by the one that
found it; with the store down each worker finds out by itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from filterd.core.clock import SystemClock
from filterd.core.errors import StoreUnavailable
from filterd.core.lookup import Answer, Listing, Question
from filterd.core.stores import PauseStore, ZonePause
from filterd.dns.dnslist import DnsList, judge
from filterd.dns.rate import Rate

log = logging.getLogger(__name__)
_CLOCK = SystemClock()

REFUSAL_SECONDS = 900.0
MAX_REFUSAL_SECONDS = 4 * 3600.0
JUMP_SECONDS = 600.0
BROKEN_SECONDS = 900.0  # until the next probe of a zone that failed one
PROBE_SECONDS = 3600.0
PROBE_DEADLINE = 5.0
RESUMED = "dns list %s is used again"
SHARE_SECONDS = 1.0  # between two looks at what others have found
BEFORE = 60.0  # a paused zone is probed this long before its pause ends
JUMP = 0.4  # how far the recent rate must lie over the usual one
COMPANY = 0.2  # another zone that moved so far excuses it


@dataclass(frozen=True, slots=True)
class ZoneState:
    """One zone, for status and metrics."""

    zone: str
    is_usable: bool
    reason: str = ""
    rate: float = 0.0  # share of subjects that were listed, of late
    asked: int = 0  # subjects, each once in a while
    listed: int = 0  # of them


@dataclass(slots=True)
class _Zone:
    dns_list: DnsList
    paused_until: float = 0.0
    reason: str = ""
    refusals: int = 0  # in a row
    is_shared: bool = False  # the store has this pause
    rate: Rate = field(default_factory=Rate)


class ZoneWatch:
    """Implements core.lookup.ZoneHealth; `probe` asks past cache and holds."""

    def __init__(
        self,
        lists: Iterable[DnsList],
        probe: Callable[[Question, float], Answer],
        *,
        hold: Callable[[str, float], None] = lambda _zone, _seconds: None,
        monotonic: Callable[[], float] = time.monotonic,
        shared: PauseStore | None = None,
        now: Callable[[], float] = _CLOCK.now,
    ) -> None:
        self._zones = {each.zone: _Zone(each) for each in lists if each.is_asked}
        self._probe = probe
        self._hold = hold
        self._monotonic = monotonic
        self._shared = shared
        self._now = now
        self._unsaid: deque[tuple[_Zone, str, bool]] = deque()  # reason ("": resumed), is news
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._probe_now = False
        self._closed = False
        self._thread: threading.Thread | None = None

    # -- ZoneHealth ---------------------------------------------------------------------------

    def is_usable(self, zone: str) -> bool:
        known = self._zones.get(zone)
        if known is None or not known.paused_until:
            return True
        return known.paused_until <= self._monotonic()

    def observe(self, zone: str, listing: Listing, subject: str) -> bool:
        known = self._zones.get(zone)
        if known is None or listing is Listing.UNKNOWN:
            return known is None or self.is_usable(zone)
        with self._lock:
            if listing is Listing.REFUSED or listing is Listing.FOREIGN:
                self._refused(known, listing)
            else:
                self._count(known, listing is Listing.LISTED, subject)
            return not known.paused_until or known.paused_until <= self._monotonic()

    def states(self) -> tuple[ZoneState, ...]:
        """What is known of each zone."""
        now = self._monotonic()
        with self._lock:
            return tuple(
                ZoneState(
                    zone,
                    known.paused_until <= now,
                    known.reason if known.paused_until > now else "",
                    round(known.rate.recent, 3),
                    known.rate.subjects,
                    known.rate.listed,
                )
                for zone, known in self._zones.items()
            )

    # -- probes -------------------------------------------------------------------------------

    def start(self) -> None:
        """Probe all zones now and every hour, in a thread of its own; call it after fork."""
        if self._thread is None and self._zones:
            self._thread = threading.Thread(target=self._run, name="dnslists", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Begin no further probe; one under way ends with the resolver."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        due = 0.0
        while not self._closed:
            self._wake.clear()
            self.share()
            if self._probe_now or self._monotonic() >= due:
                self._probe_now = False
                self.probe_all()
                self.share()
                due = self._monotonic() + self._until_next_probe()
            left = max(0.0, due - self._monotonic())
            self._wake.wait(left if self._shared is None else min(left, SHARE_SECONDS))

    def _until_next_probe(self) -> float:
        now = self._monotonic()
        with self._lock:
            ends = [z.paused_until - now for z in self._zones.values() if z.paused_until > now]
        return max(1.0, min([PROBE_SECONDS, *(end - BEFORE for end in ends)]))

    def share(self) -> None:
        """Tell what was found here, and take over what others have found."""
        if self._shared is None:
            return
        while self._unsaid:
            self._tell(self._shared, *self._unsaid.popleft())
        try:
            pauses = {pause.zone: pause for pause in self._shared.pauses(self._now())}
        except StoreUnavailable:
            return  # what is known here holds
        with self._lock:
            for zone, known in self._zones.items():
                if (pause := pauses.get(zone)) is not None:
                    self._take_over(known, pause)
                elif known.is_shared and not self._unsaid:
                    self._believe(known)

    def _tell(self, shared: PauseStore, known: _Zone, reason: str, is_news: bool) -> None:
        """Tell the store; whoever is the first to do so says it in the log."""
        zone = known.dns_list.zone
        seconds = known.paused_until - self._monotonic()
        now = self._now()
        try:
            if reason:
                pause = ZonePause(zone, now + seconds, reason, known.refusals)
                is_news = shared.pause(pause, now) and is_news
            else:
                is_news = shared.resume(zone)
            known.is_shared = bool(reason)
        except StoreUnavailable:
            known.is_shared = False
        if is_news and reason:
            _log_pause(zone, seconds, reason)
        elif is_news:
            log.warning(RESUMED, zone)

    def probe_all(self) -> None:
        """Ask the test points of every zone and draw the conclusions."""
        for known in self._zones.values():
            if self._closed:
                return
            self._probe_zone(known)

    def _probe_zone(self, known: _Zone) -> None:
        dns_list = known.dns_list
        clean = self._listing(dns_list, dns_list.test_clean)
        listed = self._listing(dns_list, dns_list.test_listed)
        with self._lock:
            if Listing.REFUSED in {clean, listed}:
                self._refused(known, Listing.REFUSED)
            elif Listing.FOREIGN in {clean, listed}:
                self._refused(known, Listing.FOREIGN)
            elif clean is Listing.LISTED:
                self._pause(
                    known, BROKEN_SECONDS, "lists its test point that must not be listed"
                )
            elif listed is Listing.CLEAN:
                self._pause(known, BROKEN_SECONDS, "does not list its test point: it is empty")
            elif Listing.UNKNOWN not in {clean, listed} and known.reason in _PROBED:
                self._resume(known)

    def _listing(self, dns_list: DnsList, name: str) -> Listing | None:
        """What a test point came to; None where there is none."""
        if not name:
            return None
        answer = self._probe(dns_list.question(name), time.monotonic() + PROBE_DEADLINE)
        listing = judge(dns_list, answer).listing
        if listing is Listing.CLEAN and answer.addresses:
            return Listing.LISTED  # by an address without a meaning here
        return listing

    # -- states; the lock is held -------------------------------------------------------------

    def _refused(self, known: _Zone, listing: Listing) -> None:
        now = self._monotonic()
        if known.paused_until > now and known.reason in _REFUSALS.values():
            return
        seconds = min(REFUSAL_SECONDS * 2**known.refusals, MAX_REFUSAL_SECONDS)
        known.refusals = min(known.refusals + 1, 10)
        self._pause(known, seconds, _REFUSALS[listing])

    def _count(self, known: _Zone, is_listed: bool, subject: str) -> None:
        known.refusals = 0
        rate = known.rate
        if not rate.count(subject, is_listed=is_listed):
            return
        if rate.rise > JUMP and not self._has_company(known):
            self._pause(
                known,
                JUMP_SECONDS,
                f"lists far more than it used to, {rate.recent:.0%} of all",
            )
            rate.settle()  # if it lasts, it is the usual rate
            self._probe_now = True
            self._wake.set()

    def _has_company(self, known: _Zone) -> bool:
        return any(
            other is not known and other.rate.rise > COMPANY for other in self._zones.values()
        )

    def _pause(self, known: _Zone, seconds: float, reason: str) -> None:
        now = self._monotonic()
        is_news = known.paused_until <= now and known.reason != reason
        known.paused_until = max(known.paused_until, now + seconds)
        known.reason = reason
        self._hold(known.dns_list.zone, known.paused_until - now)
        if self._shared is not None:
            self._unsaid.append((known, reason, is_news))
            self._wake.set()
        elif is_news:
            _log_pause(known.dns_list.zone, seconds, reason)

    def _take_over(self, known: _Zone, pause: ZonePause) -> None:
        """What another worker has found out."""
        now = self._monotonic()
        seconds = pause.until - self._now()
        if seconds > MAX_REFUSAL_SECONDS + PROBE_SECONDS:
            return  # nobody pauses for so long: it was noted while the clock was wrong
        until = now + seconds
        known.is_shared = True
        if until > known.paused_until + 1.0:
            known.paused_until = until
            known.reason = pause.reason
            known.refusals = max(known.refusals, pause.refusals)
            known.rate.settle()  # or each worker in turn would find the same jump
            self._hold(known.dns_list.zone, until - now)

    def _resume(self, known: _Zone) -> None:
        self._believe(known)
        if self._shared is not None:
            self._unsaid.append((known, "", True))
            self._wake.set()
        else:
            log.warning(RESUMED, known.dns_list.zone)

    def _believe(self, known: _Zone) -> None:
        known.paused_until = 0.0
        known.reason = ""
        known.is_shared = False
        self._hold(known.dns_list.zone, 0.0)


def _log_pause(zone: str, seconds: float, reason: str) -> None:
    log.warning("dns list %s paused for %d minutes: it %s", zone, round(seconds / 60), reason)


_REFUSALS = {
    Listing.REFUSED: "refuses to answer us (public resolver, too many questions, or a wrong key)",
    Listing.FOREIGN: "answers with addresses outside 127.0.0.0/8: its domain has changed hands",
}
_PROBED = frozenset(
    {
        "lists its test point that must not be listed",
        "does not list its test point: it is empty",
        *_REFUSALS.values(),
    }
)

"""clock - the time, as something that can be given.

Owns:   Clock (protocol), SystemClock, StoppedClock (a scan as of then), FixedClock (tests, replay).
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall-clock seconds since the epoch, and a monotonic reading for deadlines."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        return time.monotonic()


class StoppedClock(SystemClock):
    """The machine's clock for deadlines, one moment of the past for everything else."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        return self._at


class FixedClock:
    """A clock that stands still until it is moved; both readings move together."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

"""speed - limits of CPU time that hold on slow and busy machines too.

Owns:   yardstick, slowness, is_within, least.
A loop of plain Python takes YARDSTICK on the machine that the budgets were set on. Two threads of one core, or a
neighbour's work, double it; a limit is stretched by as much, never shortened.
"""

from __future__ import annotations

import time
from collections.abc import Callable

YARDSTICK = 5_000.0  # microseconds that `yardstick` takes on the machine of the budgets
STEPS = 40_000


def yardstick() -> float:
    """Microseconds of CPU that a loop of dictionary and string work takes here and now."""
    started = time.thread_time()
    known: dict[int, str] = {}
    for step in range(STEPS):
        known[step & 1023] = str(step)
    return (time.thread_time() - started) * 1e6


def slowness() -> float:
    """How many times slower this machine is now, at least 1: the median of three yardsticks."""
    return max(1.0, sorted(yardstick() for _ in range(3))[1] / YARDSTICK)


def is_within(spent: float, limit: float) -> bool:
    """Whether so many seconds of CPU are within what `limit` seconds are on this machine, now."""
    return spent <= limit or spent <= limit * slowness()


def least(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of CPU of the quickest of some runs: the others may have met a collection of garbage."""
    spent = []
    for _ in range(times):
        started = time.thread_time()
        work()
        spent.append(time.thread_time() - started)
    return min(spent)

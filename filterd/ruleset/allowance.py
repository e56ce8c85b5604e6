"""allowance - CPU time that the rules may take for one message, all together.

Owns:   Allowance, is_used_up, give_up.
RE2 is linear in the text, but a hostile pattern's factor is large, and a backtracking one has no bound of its own: so
before each pattern somebody looks at the clock. What is left out is no hit, and is named.
A thread's CPU time is a system call (0.7 us), the time of day is not (0.06 us) and never passes more slowly: as long
as that has not used up the allowance, the other is not asked.
"""

from __future__ import annotations

import time
from contextvars import ContextVar

# When it ends at the soonest (monotonic), and when it does (CPU time of the thread).
_until: ContextVar[tuple[float, float] | None] = ContextVar("allowance_until", default=None)
_given_up: ContextVar[set[str] | None] = ContextVar("allowance_given_up", default=None)


class Allowance:
    """With this around it, all matching counts against one allowance; it is the set of names that gave up."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> set[str]:
        names: set[str] = set()
        self._tokens = (
            _until.set((time.monotonic() + self._seconds, time.thread_time() + self._seconds)),
            _given_up.set(names),
        )
        return names

    def __exit__(self, *_: object) -> None:
        _until.reset(self._tokens[0])
        _given_up.reset(self._tokens[1])


def is_used_up() -> bool:
    """Whether there is an allowance and nothing is left of it."""
    until = _until.get()
    return until is not None and time.monotonic() > until[0] and time.thread_time() > until[1]


def give_up(name: str) -> None:
    """Remember that the rule (or rules) of that name did not get to an answer."""
    names = _given_up.get()
    if names is not None:
        names.add(name)

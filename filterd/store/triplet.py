"""triplet - the rules of a greylist, as a pure function over what is remembered.

Owns:   Delivery, Client, Step, step. The memory and SQLite stores use it; the Lua of store.script
        restates it, and the contract suite holds the two together.
Not here: what a key is made of (keys), when to greylist at all (checks.greylist). RFC 6647.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from filterd.core.stores import Greylisted, Standing, Terms

TOUCH = (
    3600.0  # seconds: what is in use is written again, and a pass counted, at most once an hour
)


class Delivery(NamedTuple):
    """What is remembered of one triplet; `passed` is 0.0 while it waits."""

    first: float
    attempts: int
    passed: float
    used: float  # last written
    expires: float


class Client(NamedTuple):
    """What is remembered of one client network or domain."""

    passes: int
    counted: float  # when the last pass was counted
    expires: float


@dataclass(frozen=True, slots=True)
class Step:
    """The answer, and what is to be written (None: nothing changed)."""

    answer: Greylisted
    deliveries: Sequence[Delivery] | None = None  # one for each key
    client: Client | None = None

    @property
    def is_read_only(self) -> bool:
        return self.deliveries is None and self.client is None


def step(
    known: Sequence[Delivery | None], client: Client | None, now: float, terms: Terms
) -> Step:
    """Decide one attempt. What has expired counts as absent."""
    if client is not None and client.expires <= now:
        client = None
    live = [d if d is not None and d.expires > now else None for d in known]
    passes = client.passes if client is not None else 0
    if terms.passes and passes >= terms.passes:
        answer = Greylisted(Standing.ALLOWED, now, 0, passes)
        return Step(answer, client=_counted(client, now, terms))
    there = [d for d in live if d is not None]
    first = min((now, *(d.first for d in there)))  # the clock may have been put back since
    attempts = max((d.attempts for d in there), default=0) + 1
    if any(d.passed for d in there):
        standing = Standing.KNOWN
    elif not there:
        standing = Standing.FIRST
    elif now - first < terms.delay:
        standing = Standing.EARLY
    else:
        standing = Standing.PASSED
    if standing.must_wait:
        waiting = Delivery(first, attempts, 0.0, now, first + terms.window)
        return Step(
            Greylisted(standing, first, attempts, passes), deliveries=[waiting] * len(known)
        )
    counted = _counted(client, now, terms)
    if (
        standing is Standing.KNOWN
        and counted is None
        and all(d is not None and d.passed and now - d.used < TOUCH for d in live)
    ):
        return Step(Greylisted(standing, first, attempts, passes))
    through = Delivery(first, attempts, now, now, now + terms.expiry)
    return Step(
        Greylisted(standing, first, attempts, counted.passes if counted else passes),
        deliveries=[through] * len(known),
        client=counted,
    )


def _counted(client: Client | None, now: float, terms: Terms) -> Client | None:
    """The client with one more pass, at most once an hour; None when it is too soon."""
    if client is not None and now - client.counted < TOUCH:
        return None
    return Client((client.passes if client else 0) + 1, now, now + terms.expiry)


def delay_bucket(seconds: float) -> int:
    """Bucket b holds 2**(b/4) to 2**((b+1)/4) seconds: 19 % wide."""
    return math.floor(math.log(max(seconds, 1.0)) / math.log(2.0) * 4)


def score_bucket(score: float) -> int:
    """Whole points, within -50 to 100."""
    return max(-50, min(100, math.floor(score)))

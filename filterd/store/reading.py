"""reading - what is asked of buckets, correspondents and traps without changing them.

Owns:   Reading: the questions, answered from facts; a store adds `recall` and its writes.
        Announced: the state as the checks of one conversation see it.
Rules of this file: what the checks of a stage have announced is fetched in one round trip, before the first
        of them runs, and holds until the stage is over. A store that failed then is not asked again for it.
        Counting stays exact: a charge is not waited for where a bucket has room for it whatever others do.
Not here: what is asked for (`facts` of each check), when (scan.conversation), greylisting (triplet).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Bucket, Fact, Numbers, Remembered

ROOM = 100.0  # that others may charge in the moment between reading a level and adding to it


class Reading:
    """Implements what only reads of RateStore, CorrespondentStore and TrapStore."""

    def recall(self, facts: Sequence[Fact]) -> Sequence[Numbers]:
        """Remembered.recall."""
        raise NotImplementedError

    def levels(self, buckets: Sequence[Bucket], now: float) -> Sequence[float]:
        found = self.recall([("bucket", bucket.key) for bucket in buckets])
        return [level_of(*each) for each in zip(buckets, found, repeat(now))]

    def last_sent(self, keys: Sequence[str], now: float) -> Sequence[float]:
        found = self.recall([("correspondent", key) for key in keys])
        return [v[0] if v and v[1] > now else 0.0 for v in found]

    def trapped_until(self, keys: Sequence[str], now: float) -> float:
        found = self.recall([("trap", key) for key in keys])
        return max((v[0] for v in found if v and v[0] > now), default=0.0)


def level_of(bucket: Bucket, numbers: Numbers, now: float) -> float:
    """What is left in a bucket of what these say."""
    return bucket.left(numbers[0], numbers[1], now) if numbers else 0.0


class Announced(Reading):
    """Asks for what was announced before it is needed; passes writes on. One conversation's."""

    def __init__(self, state: Remembered) -> None:
        self._state = state
        self._known: dict[Fact, Numbers] = {}
        self._failure: StoreUnavailable | None = None
        self.fill, self.refund, self.glimpse = state.fill, state.refund, state.glimpse
        self.sent, self.spring = state.sent, state.spring

    def expect(self, facts: Iterable[Fact]) -> None:
        """Checks have announced these: what is known of them holds until `forget`."""
        wanted = list(dict.fromkeys(facts))
        self._failure = None
        found: Sequence[Numbers] = ()
        try:
            if wanted:
                found = self._state.recall(wanted)
        except StoreUnavailable as error:
            self._failure = error
            found = [()] * len(wanted)
        self._known = dict(zip(wanted, found, strict=True))

    def forget(self) -> None:
        """The stage is over: others go on writing."""
        self._known = {}

    def recall(self, facts: Sequence[Fact]) -> Sequence[Numbers]:
        known = self._known
        if not all(fact in known for fact in facts):
            return self._state.recall(facts)
        if self._failure is not None and facts:
            raise StoreUnavailable(str(self._failure)) from self._failure
        return [known[fact] for fact in facts]

    def charge(self, buckets: Sequence[Bucket], cost: float, now: float) -> Sequence[float]:
        if all(("bucket", bucket.key) in self._known for bucket in buckets):
            levels = [level + cost for level in self.levels(buckets, now)]
            self._known = {}  # it holds for one charge
            if all(map(_has_room, levels, buckets)):
                self._state.fill(buckets, cost, now)
                return levels
        return self._state.charge(buckets, cost, now)


def _has_room(level: float, bucket: Bucket) -> bool:
    return level + ROOM <= bucket.burst

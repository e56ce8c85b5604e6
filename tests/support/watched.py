"""watched - a store in memory that counts what a distant one would be waited for.

Owns:   Watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Bucket, Fact, Numbers
from filterd.store.memory import MemoryState


class Watched(MemoryState):
    """Counts round trips and what is not waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.trips: list[Any] = []
        self.is_down = False

    def recall(self, facts: Sequence[Fact]) -> Sequence[Numbers]:
        self.trips.append(list(facts))
        if self.is_down:
            raise StoreUnavailable("gone")
        return super().recall(facts)

    def charge(self, buckets: Sequence[Bucket], cost: float, now: float) -> Sequence[float]:
        self.trips.append("charge")
        return super().charge(buckets, cost, now)

    def fill(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        super().charge(buckets, cost, now)

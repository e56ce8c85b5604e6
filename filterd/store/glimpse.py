"""glimpse - levels of leaky buckets as this process last saw them, for who must not wait for a server.

Owns:   Glimpses. A bucket is followed from the first time somebody asks for it.
Not here: levels that are exact (core.stores.RateStore.levels).
"""

from __future__ import annotations

from threading import Lock

from filterd.core.stores import Bucket, Numbers
from filterd.store.reading import level_of

MAX_FOLLOWED = 8_192  # buckets; about 2 MB, the one followed longest gives way


class Glimpses:
    """Thread-safe; asks nobody."""

    def __init__(self) -> None:
        self._seen: dict[str, Numbers] = {}
        self._lock = Lock()

    def look(self, bucket: Bucket, now: float) -> float:
        """The level that was seen last, less what has leaked since; 0.0 of one never seen."""
        seen = self._seen.get(bucket.key)
        if seen is not None:
            return level_of(bucket, seen, now)
        with self._lock:
            if len(self._seen) >= MAX_FOLLOWED:
                del self._seen[next(iter(self._seen))]
            self._seen[bucket.key] = ()
        return 0.0

    def note(self, key: str, numbers: Numbers) -> None:
        """What the store has of a bucket: its level, and when that was; kept if it is followed."""
        if key in self._seen:
            with self._lock:
                self._seen[key] = numbers

    def added(self, bucket: Bucket, cost: float, now: float) -> None:
        """So much was added, and nobody waited for the level."""
        if bucket.key in self._seen:
            self.note(bucket.key, (self.look(bucket, now) + cost, now))

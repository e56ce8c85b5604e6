"""glimpse - levels of leaky buckets as this process last saw them, for who must not wait for a server.

Owns:   Glimpses. A bucket is followed from the first time somebody asks for it.
Not here: levels that are exact (core.stores.RateStore.levels).
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from filterd.core.stores import Bucket

MAX_FOLLOWED = 8_192  # buckets; about 2 MB, the one followed longest gives way


class Glimpses:
    """Thread-safe; asks nobody."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float]] = {}  # level, at
        self._lock = Lock()

    def look(self, bucket: Bucket, now: float) -> float:
        """The level that was seen last, less what has leaked since; 0.0 of one never seen."""
        seen = self._seen.get(bucket.key)
        if seen is not None:
            level, at = seen
            return bucket.left(level, at, now)
        with self._lock:
            if len(self._seen) >= MAX_FOLLOWED:
                del self._seen[next(iter(self._seen))]
            self._seen[bucket.key] = (0.0, now)
        return 0.0

    def note(self, buckets: Sequence[Bucket], levels: Sequence[float], now: float) -> None:
        """What the store said just now; only buckets that are followed are kept."""
        for bucket, level in zip(buckets, levels, strict=True):
            if bucket.key in self._seen:
                with self._lock:
                    self._seen[bucket.key] = (level, now)

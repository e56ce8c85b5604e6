"""memory_archive - recorded verdicts in one process: the reference, and for trials.

Owns:   MemoryArchive (archive.Archive); bounded by the blocks that the recorder keeps.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from filterd.core.stores import StoreHealth
from filterd.store.archive import BLOCK, Bounds, Row, Sealed, seal


class MemoryArchive:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fresh: list[Row] = []
        self._sealed: dict[int, Sealed] = {}
        self._next = 0

    def append(self, rows: Sequence[Row]) -> None:
        with self._lock:
            self._fresh.extend(rows)
            while len(self._fresh) >= BLOCK:
                self._sealed[self._next] = seal(self._fresh[:BLOCK])
                del self._fresh[:BLOCK]
                self._next += 1

    def fresh(self) -> Sequence[Row]:
        with self._lock:
            return list(self._fresh)

    def blocks(self) -> Sequence[Bounds]:
        with self._lock:
            return [
                Bounds(number, block.first, block.last)
                for number, block in sorted(self._sealed.items(), reverse=True)
            ]

    def postings(self, blocks: Sequence[int], bucket: int) -> Mapping[int, bytes]:
        with self._lock:
            return {b: self._sealed[b].postings[bucket] for b in blocks if b in self._sealed}

    def groups(self, wanted: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        with self._lock:
            return [self._sealed[b].groups[g] if b in self._sealed else b"" for b, g in wanted]

    def drop(self, blocks: Sequence[int]) -> None:
        with self._lock:
            for block in blocks:
                self._sealed.pop(block, None)

    def tidy(self) -> None:
        """Nothing is left: rows are sealed in the step that writes them."""

    def health(self) -> StoreHealth:
        return StoreHealth("history", "memory", "this process", is_available=True)

    def close(self) -> None:
        """Nothing to close."""

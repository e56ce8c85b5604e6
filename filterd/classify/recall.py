"""recall - what was worked out of a key before, looked up in C; bounded.

Owns:   Recall. A hit costs a third of what it costs in functools.lru_cache, and a map() over many keys makes
        no call at all. Emptied when it is full: what mail is made of soon fills it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 1_024  # entries of up to 1.5 kB, in each worker


class Recall(dict[K, V]):
    """A function of one argument, as a mapping."""

    def __init__(self, compute: Callable[[K], V]) -> None:
        self._compute = compute

    def __missing__(self, key: K) -> V:
        if len(self) >= MOST:
            self.clear()
        found = self[key] = self._compute(key)
        return found

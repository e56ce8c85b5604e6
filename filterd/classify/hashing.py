"""hashing - texts to slots: distinct n-grams and tokens as indices into tables of 2^20.

Owns:   Group (the distinct slots of one kind of feature, and their names on demand), gram and token hashes.
Rules of this file: a hash is the same in every process, on every machine and byte order (no `hash()`):
        it is part of the model format. Work is bounded by what classify.source lets through.

A slot has SLOT_BITS bits. A table of fewer bits uses the top ones: `slots >> (SLOT_BITS - bits)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

SLOT_BITS = 20
GRAM = 5  # bytes; 4 and 6 were measured too, models/README.md
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - SLOT_BITS)

Slots: TypeAlias = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Group:
    """Distinct slots of one kind of feature; `name(i)` says what stands behind slots[i]."""

    kind: str
    slots: Slots
    name: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.slots)


# Pieces of scratch memory, one in use by each thread that is in here; list.pop and append are atomic.
_POOL: list[NDArray[np.uint16]] = []


def _distinct(slots: Slots) -> NDArray[np.intp]:
    """Positions of one occurrence of each distinct slot, ascending; at most 65,536 slots.

    Each position is written into a table at its slot; those that read back their own stay. Half the
    cost of sorting, an eighth of np.unique (CLASSIFIER study, section 4).
    """
    slots = slots[:65_535]
    try:
        table = _POOL.pop()
    except IndexError:
        table = np.zeros(1 << SLOT_BITS, dtype=np.uint16)
    order = np.arange(len(slots), dtype=np.uint16)
    table[slots] = order
    kept = np.flatnonzero(table.take(slots) == order)
    _POOL.append(table)
    return kept


def _multiplier(salt: int) -> np.uint64:
    # Eight bytes are loaded at each offset; the factor's 24 zero bits drop the last three.
    factor = ((0x9E3779B97F4A7C15 ^ (salt * 0x5851F42D4C957F2E)) | 1) << (64 - 8 * GRAM)
    return np.uint64(factor & 0xFFFFFFFFFFFFFFFF)


def grams(kind: str, text: bytes, salt: int) -> Group:
    """The distinct 5-byte grams of a text."""
    count = len(text) - GRAM + 1
    if count <= 0:
        return Group(kind, np.zeros(0, dtype=np.uint32), _nameless)
    words = np.ndarray((count,), dtype="<u8", buffer=text + bytes(8 - GRAM), strides=(1,))
    slots = ((words * _multiplier(salt)) >> _SHIFT).astype(np.uint32)
    kept = _distinct(slots)

    def name(index: int) -> str:
        start = int(kept[index])
        return text[start : start + GRAM].decode("utf-8", "replace")

    return Group(kind, slots[kept], name)


def tokens(kind: str, hashes: NDArray[np.uint64], name: Callable[[int], str]) -> Group:
    """The distinct slots of 32-bit token hashes; `name(i)` names hashes[i]."""
    slots = ((hashes * _MIX) >> _SHIFT).astype(np.uint32)
    kept = _distinct(slots)
    return Group(kind, slots[kept], lambda index: name(int(kept[index])))


def join(kind: str, groups: Sequence[Group]) -> Group:
    """One group of several; slots that occur in two of them stay twice."""
    starts = np.cumsum([0, *(len(group) for group in groups)])

    def name(index: int) -> str:
        which = int(np.searchsorted(starts, index, side="right")) - 1
        return groups[which].name(index - int(starts[which]))

    return Group(kind, np.concatenate([group.slots for group in groups]), name)


def _nameless(_index: int) -> str:
    return ""

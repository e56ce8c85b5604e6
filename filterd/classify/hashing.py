"""hashing - texts to slots: distinct n-grams and tokens as indices into tables of 2^20.

Owns:   Grams and Tokens (what is to be hashed), `distinct`, SLOT_BITS, GRAM.
Rules of this file: a hash is the same in every process, on every machine and byte order (no `hash()`):
        it is part of the model format. Work is bounded by what classify.source lets through.

A slot has SLOT_BITS bits. A table of fewer bits uses the top ones: `slot >> (SLOT_BITS - bits)`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

SLOT_BITS = 20
GRAM = 5  # bytes; 4 and 6 were measured too, models/README.md
MAX_FEATURES = 65_535  # of one message, before duplicates go; a position must fit 16 bits
_MASK = (1 << SLOT_BITS) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = np.uint64(_GOLDEN)
_SHIFT = np.uint64(64 - SLOT_BITS)
# Eight bytes are loaded at each offset; the factor's 24 zero bits drop the last three.
_GRAM_MIX = np.uint64(_GOLDEN << (64 - 8 * GRAM) & 0xFFFFFFFFFFFFFFFF)

Slots: TypeAlias = NDArray[np.intp]


def gram_slots(texts: Sequence[tuple[bytes, int]]) -> list[Slots]:
    """The slots of every 5-byte gram of each (text, salt), duplicates included."""
    joined = b"".join(text for text, _ in texts) + bytes(8)
    words = np.ndarray((len(joined) - 7,), dtype="<u8", buffer=joined, strides=(1,))
    slots = ((words * _GRAM_MIX) >> _SHIFT).astype(np.intp)
    found = []
    start = 0
    for text, salt in texts:
        stop = start + max(0, len(text) - GRAM + 1)
        found.append((slots[start:stop] + salt * 0x6A3D7) & _MASK)
        start += len(text)
    return found


def token_slots(hashes: NDArray[np.uint64]) -> Slots:
    """The slots of 32-bit hashes."""
    slots: Slots = ((hashes * _MIX) >> _SHIFT).astype(np.intp)
    return slots


_TABLE_LOCK = threading.Lock()


@cache
def scratch() -> NDArray[np.uint16]:
    """Memory of all threads: 2 MB for each of them was a tenth of a worker. Clear it before a fork."""
    return np.empty(1 << SLOT_BITS, dtype=np.uint16)


def distinct(slots: Slots) -> NDArray[np.intp]:
    """Positions of the last occurrence of each distinct slot, ascending.

    Each position is written into a table at its slot; those that read back their own stay. Half the
    cost of sorting, an eighth of np.unique (the study, section 4).
    """
    order = np.arange(len(slots), dtype=np.uint16)
    with _TABLE_LOCK:
        table = scratch()
        table[slots] = order
        kept: NDArray[np.intp] = np.flatnonzero(table.take(slots) == order)
    return kept

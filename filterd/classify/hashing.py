"""hashing - what is hashed to slots: distinct n-grams and tokens as indices into tables of 2^20.

Owns:   `to_slots`, `distinct`, SLOT_BITS, GRAM.
Not here: hashes of words (classify.tokens).
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
_GOLDEN = 0x9E3779B97F4A7C15
_ALL_BITS = 0xFFFFFFFFFFFFFFFF
_MIX = np.uint64(_GOLDEN)
_SHIFT = np.uint64(64 - SLOT_BITS)  # the top bits of what was mixed are the slot
# Eight bytes are loaded at each offset; the factor's 24 zero bits drop the last three.
_GRAM_MIX = np.uint64(_GOLDEN << (64 - 8 * GRAM) & _ALL_BITS)
_GRAM_SALT = 0x6A3D7 << (64 - SLOT_BITS)
_EIGHT_BYTES = np.dtype("<u8")

Slots: TypeAlias = NDArray[np.intp]


def to_slots(texts: Sequence[bytes], hashes: NDArray[np.uint32]) -> tuple[Slots, list[int]]:
    """Slots of every 5-byte gram of each text, then of the hashes; and the number of grams of each text.

    A gram is another one in another text. Duplicates are included.
    """
    joined = b"".join(texts) + bytes(8)
    words = np.ndarray((len(joined) - 7,), _EIGHT_BYTES, joined, strides=(1,))
    counts = [max(0, len(text) - GRAM + 1) for text in texts]
    mixed = np.empty(sum(counts) + len(hashes), np.uint64)
    offset = place = 0
    for salt, (text, count) in enumerate(zip(texts, counts, strict=True), 1):
        if count:
            grams = mixed[place : place + count]
            np.multiply(words[offset : offset + count], _GRAM_MIX, grams)
            grams += np.uint64(salt * _GRAM_SALT & _ALL_BITS)
        offset += len(text)
        place += count
    np.multiply(hashes, _MIX, mixed[place:])
    mixed >>= _SHIFT
    return mixed.view(np.intp), counts


_TABLE_LOCK = threading.Lock()
_PLACES = np.arange(MAX_FEATURES, dtype=np.uint16)


@cache
def scratch() -> NDArray[np.uint16]:
    """Memory of all threads: 2 MB for each of them was a tenth of a worker. Clear it before a fork."""
    return np.empty(1 << SLOT_BITS, dtype=np.uint16)


def distinct(slots: Slots) -> NDArray[np.intp]:
    """Positions of the last occurrence of each distinct slot, ascending.

    Each position is written into a table at its slot; those that read back their own stay. Half the
    cost of sorting, an eighth of np.unique (the study, section 4).
    """
    places = _PLACES[: len(slots)]
    with _TABLE_LOCK:
        table = scratch()
        table[slots] = places
        kept: NDArray[np.intp] = (table.take(slots) == places).nonzero()[0]
    return kept

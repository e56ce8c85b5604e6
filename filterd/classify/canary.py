"""canary - ham that earlier models were tested on, kept so that a new model must get it right too.

Owns:   Canary (features and names): load, extended by a new slice, save.
Without it a journal that somebody poisoned would also poison the slice that is to reveal it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from filterd.classify.features import GROUPS, VERSION, Features
from filterd.classify.hashing import SLOT_BITS, Slots

MOST = 2_000  # messages kept: 0.05 % of them is one
MAX_BYTES = 256 << 20
SEED = 11


@dataclass(frozen=True, slots=True)
class Kept:
    """One ham message."""

    features: Features
    name: str


class Canary:
    """The kept ham; empty when there is none yet, or when features have changed since."""

    def __init__(self, kept: Iterable[Kept] = ()) -> None:
        self._kept = tuple(kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def with_slice(self, fresh: Iterable[Kept]) -> Canary:
        """The kept and the new ones, evenly thinned to MOST."""
        everything = [*self._kept, *fresh]
        if len(everything) > MOST:
            chosen = np.random.default_rng(SEED).choice(len(everything), MOST, replace=False)
            everything = [everything[index] for index in sorted(chosen.tolist())]
        return Canary(everything)

    @classmethod
    def load(cls, path: Path) -> Canary:
        """What the file holds; an absent, damaged or outdated file holds nothing."""
        try:
            if path.stat().st_size > MAX_BYTES:
                return cls()
            with np.load(path, allow_pickle=False) as stored:
                version, slots = int(stored["version"]), stored["slots"]
                bounds, names = stored["bounds"], stored["names"]
            if version != VERSION or bounds.ndim != 2 or bounds.shape[1] != len(GROUPS) + 1:
                return cls()
            return cls(_unpack(slots.astype(np.intp), bounds.astype(np.intp), names))
        except (OSError, ValueError, KeyError, EOFError, IndexError, BadZipFile):
            return cls()

    def save(self, path: Path) -> None:
        """Write the file and put it in place at once."""
        nothing = np.zeros(0, dtype=np.uint32)
        slots = [kept.features.slots.astype(np.uint32) for kept in self._kept]
        bounds = [kept.features.bounds for kept in self._kept]
        fresh = path.with_name(f".{path.name}.{os.getpid()}.npz")
        with fresh.open("wb") as stream:
            np.savez(
                stream,
                version=np.array(VERSION),
                slots=np.concatenate([nothing, *slots]),
                bounds=np.array(bounds, dtype=np.uint32).reshape(-1, len(GROUPS) + 1),
                names=np.array([kept.name[:200] for kept in self._kept], dtype="U200"),
            )
        fresh.replace(path)


def _unpack(slots: Slots, bounds: NDArray[np.intp], names: NDArray[np.str_]) -> list[Kept]:
    found = []
    start = 0
    for row, name in zip(bounds, names, strict=True):
        stop = start + int(row[-1])
        piece = slots[start:stop]
        rises = bool((np.diff(row) >= 0).all()) and row[0] == 0
        if not rises or len(piece) != row[-1] or (len(piece) and piece.max() >> SLOT_BITS):
            raise ValueError("bounds and slots do not agree")
        found.append(Kept(Features(piece, tuple(row.tolist())), str(name)))
        start = stop
    return found

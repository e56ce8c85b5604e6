"""rehearsal - learned messages that are learned again beside new ones, so that order does not matter.

Owns:   Rehearsal (the kept messages), `learn`: one label, and what it makes others rehearse.
Not here: which label is true (classify.learner), fitting in passes (classify.fit).
An admin teaches all ham, then all spam; step by step the second class would unlearn the first (measured:
all ham called spam, (1-AUC) 7 %; rehearsed: 0.07 %). So a message that surprises most views is followed by
a few kept ones of both classes.

The file: facts of 2 x ROWS messages, then a place of fixed size for each one's slots. It is sparse and
read with pread: what is not rehearsed costs no memory. Which messages are kept and rehearsed follows
from digests and a counter, not from chance.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from filterd.classify.features import GROUPS, VERSION, Features
from filterd.classify.hashing import SLOT_BITS
from filterd.classify.linear import THICKNESS, votes
from filterd.classify.live import LiveModel
from filterd.classify.local import Step
from filterd.core.labels import Rehearsed

ROWS = (
    2_048  # messages kept of each class, an even sample; 512 keep (1-AUC) at twice the figure
)
WIDTH = 10_240  # slots of a message; longer ones are not kept
AT_ONCE = 4  # messages of each class that a surprise makes rehearse: one per label in the mean
_GOLDEN = 0x9E3779B97F4A7C15
_HEAD = np.dtype([("version", "<u4"), ("cursor", "<u4"), ("seen", "<u8", (2,))])
_ROW = np.dtype(
    [("digest", "V32"), ("bounds", "<u4", (len(GROUPS) + 1,)), ("used", "u1"), ("pad", "u1", 7)]
)
_FACTS_BYTES = (_HEAD.itemsize + 2 * ROWS * _ROW.itemsize + 4095) & ~4095
SIZE = _FACTS_BYTES + 2 * ROWS * WIDTH * 4


@dataclass(frozen=True, slots=True)
class Kept:
    """One message to learn again."""

    digest: bytes
    is_spam: bool
    features: Features


class Rehearsal:
    """The kept messages of both classes, in a file; one writer at a time (`locked`)."""

    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        self._facts = bytearray(_FACTS_BYTES)
        self._head: Any = np.frombuffer(self._facts, _HEAD, count=1)
        self._rows: Any = np.frombuffer(
            self._facts, _ROW, count=2 * ROWS, offset=_HEAD.itemsize
        ).reshape(2, ROWS)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The file, made if it is not there; one of another kind is emptied: it is only a sample."""
        return cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))

    @classmethod
    def in_memory(cls) -> Self:
        """An empty one that has no name (replays)."""
        with tempfile.TemporaryFile(prefix="filterd-rehearsal-") as stream:
            found = cls(os.dup(stream.fileno()))
        found.empty()
        return found

    def empty(self) -> None:
        """Keep nothing."""
        os.ftruncate(self._file, 0)
        os.ftruncate(self._file, SIZE)
        self._facts[:] = bytes(_FACTS_BYTES)
        self._head["version"] = VERSION
        os.pwrite(self._file, self._facts, 0)

    def close(self) -> None:
        os.close(self._file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the one writer's place; facts are read at its start and written at its end."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if os.fstat(self._file).st_size != SIZE:
                self.empty()
            else:
                self._facts[:] = os.pread(self._file, _FACTS_BYTES, 0)
                if self._head["version"][0] != VERSION:
                    self.empty()
            yield
            os.pwrite(self._file, self._facts, 0)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def has(self, is_spam: bool) -> bool:
        """Whether any message of that class is kept."""
        return bool(self._rows[int(is_spam)]["used"].any())

    def keep(self, kept: Kept) -> None:
        """Keep a message; when the class is full, an even sample of all that were learned stays."""
        slots = kept.features.slots
        if len(slots) > WIDTH:
            return
        row = int(kept.is_spam)
        seen = int(self._head["seen"][0, row])
        self._head["seen"][0, row] = seen + 1
        free = np.flatnonzero(self._rows[row]["used"] == 0)
        if len(free):
            place = int(free[0])
        else:
            place = int.from_bytes(kept.digest[:8], "big") % (seen + 1)
            if place >= ROWS:
                return
        self._rows[row, place]["digest"] = kept.digest[:32].ljust(32, b"\0")
        self._rows[row, place]["bounds"] = kept.features.bounds
        self._rows[row, place]["used"] = 1
        os.pwrite(self._file, slots.astype("<u4").tobytes(), self._offset(row, place))

    def drop(self, digest: bytes, is_spam: bool) -> None:
        """Keep it no longer."""
        rows = self._rows[int(is_spam)]
        wanted = np.frombuffer(digest[:32].ljust(32, b"\0"), "V32")[0]
        rows["used"][(rows["digest"] == wanted) & (rows["used"] == 1)] = 0

    def some(self, is_spam: bool, count: int) -> list[Kept]:
        """So many kept messages of a class, each as often as any other in the long run."""
        row = int(is_spam)
        used = np.flatnonzero(self._rows[row]["used"])
        found = []
        for _ in range(count if len(used) else 0):
            turn = (int(self._head["cursor"][0]) + 1) & 0xFFFFFFFF
            self._head["cursor"] = turn
            spread = (turn * _GOLDEN & 0xFFFFFFFFFFFFFFFF) >> 32
            kept = self._read(row, int(used[spread * len(used) >> 32]))
            if kept is not None:
                found.append(kept)
        return found

    def _read(self, row: int, place: int) -> Kept | None:
        facts = self._rows[row, place]
        bounds = tuple(facts["bounds"].tolist())
        raw = os.pread(self._file, 4 * bounds[-1], self._offset(row, place))
        slots: NDArray[np.intp] = np.frombuffer(raw, "<u4").astype(np.intp)
        whole = len(slots) == bounds[-1] and list(bounds) == sorted(bounds) and not bounds[0]
        if not whole or (len(slots) and int(slots.max()) >> SLOT_BITS):
            facts["used"] = 0  # damaged
            return None
        return Kept(facts["digest"].tobytes(), bool(row), Features(slots, bounds))

    def _offset(self, row: int, place: int) -> int:
        return _FACTS_BYTES + (row * ROWS + place) * WIDTH * 4


def learn(
    live: LiveModel, rehearsal: Rehearsal, new: Kept, *, is_settled: bool = False
) -> tuple[Step, list[Rehearsed]]:
    """Learn and count one label, and rehearse if it was a surprise; what that changed.

    `is_settled`: the whole score is on its side already. While nothing of the other class is known, that
    is enough and no view takes a step: a class alone would draw everything to its side.
    """
    other = rehearsal.has(not new.is_spam)
    thickness = THICKNESS if other or not is_settled else float("-inf")
    step = live.learn(new.features, new.is_spam, thickness=thickness)
    again: list[Rehearsed] = []
    if other and _is_surprise(live, step):
        tables = live.weights.tables
        for kept in (
            *rehearsal.some(not new.is_spam, AT_ONCE),
            *rehearsal.some(new.is_spam, AT_ONCE),
        ):
            steps = tables.learn(kept.features, kept.is_spam)
            if any(steps):
                again.append(Rehearsed(new.digest, kept.digest, kept.is_spam, steps))
    rehearsal.keep(new)
    return step, again


def _is_surprise(live: LiveModel, step: Step) -> bool:
    """Whether views with most of the votes needed a step."""
    counted = votes(live.weights.tables.views)
    return sum(vote for vote, moved in zip(counted, step.steps, strict=True) if moved) >= 0.5

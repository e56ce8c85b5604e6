"""spill - features of a training set on disk, so that memory holds one message at a time.

Owns:   Spill (append, read back in any order), Example.
A million messages are some 12 GB of disk and, in memory, 60 bytes a message. The file has no name
(it is unlinked as soon as it is open), so nothing of the mail is left behind, even after a crash.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from filterd.classify.features import GROUPS, Features
from filterd.classify.hashing import Group


class Spill:
    """Features by number, in the order they were added."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(prefix="filterd-train-", dir=folder)  # noqa: SIM115
        self._starts = array("q")
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, features: Features) -> int:
        """Keep the features of one message; its number is returned."""
        present = [features.groups.get(name) for name in GROUPS]
        lengths = [0 if group is None else len(group) for group in present]
        slots = [group.slots for group in present if group is not None]
        record = np.concatenate([np.array(lengths, dtype=np.uint32), *slots]).tobytes()
        if self._file.tell() != self._end:
            self._file.seek(self._end)
        self._file.write(record)
        self._starts.append(self._end)
        self._end += len(record)
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> Features:
        start = self._starts[number]
        stop = self._starts[number + 1] if number + 1 < len(self._starts) else self._end
        self._file.seek(start)
        record = np.frombuffer(self._file.read(stop - start), dtype=np.uint32)
        position = len(GROUPS)
        groups = {}
        for name, length in zip(GROUPS, record[: len(GROUPS)].tolist(), strict=True):
            groups[name] = Group(name, record[position : position + length], _unnamed)
            position += length
        return Features(groups)

    def __iter__(self) -> Iterator[Features]:
        return (self[number] for number in range(len(self)))


def _unnamed(_index: int) -> str:
    return ""

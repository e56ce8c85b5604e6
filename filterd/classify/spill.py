"""spill - a training set on disk: features, labels, times, names; memory holds 30 bytes a message.

Owns:   TrainingSet: add, read back in any order, what it was made of.
A million messages are some 11 GB of disk. The file has no name (it is unlinked as soon as it is open),
so nothing of the mail is left behind, even after a crash; put it beside the models, for /tmp may be memory.
"""

from __future__ import annotations

import tempfile
from array import array
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from filterd.classify.features import GROUPS, Features

MAX_NAME = 500  # bytes kept of where a message stood


@dataclass(frozen=True, slots=True)
class Example:
    """What is said of one message."""

    is_spam: bool
    at: float  # when it arrived, or was labelled: seconds since the epoch, 0 when unknown
    source: str  # the collection it came with
    name: str


# Weight of a message in training = (size of its source and class) ^ -this, mean 1: a source of 200 is
# heard beside one of 6,000. The largest single gain on commercial mail of which half is known: exponents
# 0, 0.5, 0.75 give 6, 2.5, 1.9 %. Kinds of mail that were only guessed are no sources: at 0.75 a handful
# of odd messages misleads (csdmc2010, random halves: 0, 0, 0.005 %).
EVENNESS = 0.75
EVENNESS_OF_KINDS = 0.5


class TrainingSet:
    """Messages by number, in the order they were added."""

    def __init__(self, folder: Path | None = None) -> None:
        self.evenness = EVENNESS
        self._file = tempfile.TemporaryFile(prefix="filterd-train-", dir=folder)  # noqa: SIM115
        self._starts = array("q")
        self._end = 0
        self._spam = bytearray()
        self._at = array("d")
        self._source = array("i")
        self._sources: dict[str, int] = {}

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

    def add(self, features: Features, example: Example) -> None:
        """Keep one message."""
        name = example.name.encode("utf-8", "replace")[:MAX_NAME]
        slots = features.slots
        record = b"".join(
            (
                np.array([len(name), *features.bounds], dtype="<u4").tobytes(),
                name,
                (slots & 0xFFFF).astype("<u2").tobytes(),
                (slots >> 16).astype("u1").tobytes(),
            )
        )
        if self._file.tell() != self._end:
            self._file.seek(self._end)
        self._file.write(record)
        self._starts.append(self._end)
        self._end += len(record)
        self._spam.append(example.is_spam)
        self._at.append(example.at)
        self._source.append(self._sources.setdefault(example.source, len(self._sources)))

    def _read(self, number: int) -> tuple[bytes, list[int], int]:
        start = self._starts[number]
        stop = self._starts[number + 1] if number + 1 < len(self._starts) else self._end
        self._file.seek(start)
        record = self._file.read(stop - start)
        facts = np.frombuffer(record, dtype="<u4", count=len(GROUPS) + 2).tolist()
        return record, facts, 4 * (len(GROUPS) + 2)

    def features(self, number: int) -> Features:
        """The features of a message, without names."""
        record, (length, *bounds), offset = self._read(number)
        count = bounds[-1]
        offset += length
        low = np.frombuffer(record, dtype="<u2", count=count, offset=offset)
        high = np.frombuffer(record, dtype="u1", count=count, offset=offset + 2 * count)
        slots = low.astype(np.intp)
        slots += high.astype(np.intp) << 16
        return Features(slots, tuple(bounds))

    def name(self, number: int) -> str:
        """Where the message stood."""
        record, (length, *_), offset = self._read(number)
        return record[offset : offset + length].decode("utf-8", "replace")

    # -- columns: all messages at once

    @property
    def is_spam(self) -> NDArray[np.bool_]:
        return np.frombuffer(bytes(self._spam), dtype=np.bool_)

    @property
    def at(self) -> NDArray[np.float64]:
        return np.array(self._at, dtype=np.float64)

    @property
    def source(self) -> NDArray[np.int32]:
        """The number of each message's source, an index into `sources`."""
        return np.array(self._source, dtype=np.int32)

    @property
    def sources(self) -> list[str]:
        return list(self._sources)

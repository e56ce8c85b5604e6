"""live - the local weights: one mapped file that every worker reads and a learner changes.

Owns:   LiveModel (create, open, learn, forget), the file's layout.
Not here: which label is true (classify.journal), which model is the current one (classify.publish).
Rules of this file: readers take no lock (a number is written whole, a message seen between two writes
        is at worst a hair off); writers hold the file's lock. What one label changed is returned, so
        that exactly that can be taken back.

Layout: 4096 bytes of facts (_FACTS), float32 weights (3 views x 2^18), uint16 counts (3 x 2 x 2^20). The
file is sparse: an untouched page costs neither disk nor memory.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterd.classify.bayes import Counts
from filterd.classify.features import LOCAL_VIEWS, VERSION, Features
from filterd.classify.hashing import SLOT_BITS
from filterd.classify.linear import THICKNESS, Tables
from filterd.classify.local import BAYES_ONLINE, BITS, COUNTED, Bayes, LocalWeights, Step
from filterd.classify.model import Model
from filterd.core.errors import ConfigError, ConfigProblem

MAGIC = b"filtlive"
FORMAT = 4
_FACTS_BYTES = 4096
_FACTS = np.dtype(
    [
        ("magic", "S8"),
        ("format", "<u4"),
        ("feature_version", "<u4"),
        ("base", "S64"),
        ("position", "<u8"),  # of the journal; labels up to here are in
        ("spam", "<i8"),
        ("ham", "<i8"),
        ("bayes_totals", "<f8", (2,)),
        ("slope", "<f8"),
        ("intercept", "<f8"),
        ("bayes", "<f8", (2,)),
    ]
)
_WEIGHTS_BYTES = len(LOCAL_VIEWS) * 4 << BITS
_COUNTS_BYTES = COUNTED * 2 * 2 << SLOT_BITS
SIZE = _FACTS_BYTES + _WEIGHTS_BYTES + _COUNTS_BYTES


class LiveModel:
    """The mapped file."""

    def __init__(self, path: Path | None, image: NDArray[np.uint8]) -> None:
        self.path = path
        facts: Any = image[: _FACTS.itemsize].view(_FACTS)[0]
        self._facts = facts
        weights = image[_FACTS_BYTES : _FACTS_BYTES + _WEIGHTS_BYTES].view("<f4")
        counts = image[_FACTS_BYTES + _WEIGHTS_BYTES :].view("<u2")
        tables = Tables(
            LOCAL_VIEWS,
            weights.reshape(len(LOCAL_VIEWS), 1 << BITS),
            (1.0,) * len(LOCAL_VIEWS),
            BITS,
        )
        table = counts.reshape(COUNTED, 2, 1 << SLOT_BITS)
        counted = Counts(table, facts["bayes_totals"])
        self.weights = LocalWeights(tables, counted, Bayes(*map(float, facts["bayes"])))

    @classmethod
    def in_memory(cls) -> LiveModel:
        """An empty model that no file holds (replays, experiments)."""
        image = np.zeros(SIZE, dtype=np.uint8)
        _stamp(image)
        return cls(None, image)

    @classmethod
    def open(cls, path: Path, *, writable: bool = False) -> LiveModel:
        """Map an existing file; ConfigError when it is not one of this program's."""
        try:
            size = path.stat().st_size
            if size != SIZE:
                raise _problem(path, f"has {size} bytes, expected {SIZE}")
            image = np.memmap(path, dtype=np.uint8, mode="r+" if writable else "r")
        except OSError as error:
            raise _problem(path, f"cannot be opened: {error.strerror}") from error
        plain = image.view(np.ndarray)
        facts = plain[: _FACTS.itemsize].view(_FACTS)[0]
        if facts["magic"] != MAGIC or facts["format"] != FORMAT:
            raise _problem(path, "is no file of local weights")
        if facts["feature_version"] != VERSION:
            raise _problem(
                path,
                f"has features of version {facts['feature_version']}, this program makes {VERSION}",
            )
        return cls(path, plain)

    @classmethod
    def create(cls, path: Path, base: Model | None = None, position: int | None = None) -> None:
        """Write a fresh file, from a published model or empty, and put it in place at once."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with temporary.open("wb") as stream:
            stream.truncate(SIZE)
        image = np.memmap(temporary, dtype=np.uint8, mode="r+")
        plain = image.view(np.ndarray)
        _stamp(plain)
        if base is not None:
            cls(path, plain).copy(base)
        if position is not None:
            cls(path, plain).position = position
        image.flush()
        temporary.replace(path)

    def copy(self, base: Model) -> None:
        """Take over the weights, counts and facts of a published model."""
        for index, view in enumerate(LOCAL_VIEWS):
            if view in base.manifest.views and base.manifest.bits == BITS:
                source = base.manifest.views.index(view)
                scale = base.manifest.scales[source]
                self.weights.tables.weights[index] = base.tables.weights[source] * np.float32(
                    scale
                )
        if base.counts is not None:
            self.weights.counts.table[:] = base.counts.table
            self.weights.counts.totals[:] = base.counts.totals
        facts = self._facts
        facts["base"] = base.manifest.id.encode()
        facts["position"] = base.manifest.journal_position
        facts["spam"] = base.manifest.messages_spam
        facts["ham"] = base.manifest.messages_ham
        facts["slope"] = base.manifest.calibration.slope
        facts["intercept"] = base.manifest.calibration.intercept
        facts["bayes"] = base.manifest.bayes_weights

    # -- facts ------------------------------------------------------------------------------

    @property
    def spam(self) -> int:
        return int(self._facts["spam"])

    @property
    def ham(self) -> int:
        return int(self._facts["ham"])

    @property
    def base(self) -> str:
        return bytes(self._facts["base"]).decode("ascii", "replace")

    @property
    def slope(self) -> float:
        return float(self._facts["slope"])

    @property
    def intercept(self) -> float:
        return float(self._facts["intercept"])

    @property
    def position(self) -> int:
        return int(self._facts["position"])

    @position.setter
    def position(self, value: int) -> None:
        self._facts["position"] = value

    # -- learning ---------------------------------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the one writer's place."""
        if self.path is None:
            yield
            return
        with self.path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def learn(self, features: Features, is_spam: bool, *, thickness: float = THICKNESS) -> Step:
        """Learn one label and count it; the caller holds the lock."""
        self._facts["spam" if is_spam else "ham"] += 1
        return self.weights.learn(features, is_spam, thickness=thickness)

    def forget(self, features: Features, step: Step) -> None:
        """Take back exactly what that label changed; the caller holds the lock."""
        self.weights.forget(features, step)
        key = "spam" if step.is_spam else "ham"
        self._facts[key] = max(0, int(self._facts[key]) - 1)


def _stamp(image: NDArray[np.uint8]) -> None:
    facts = image[: _FACTS.itemsize].view(_FACTS)
    facts["magic"] = MAGIC
    facts["format"] = FORMAT
    facts["feature_version"] = VERSION
    facts["slope"] = 1.0
    facts["intercept"] = 0.0
    facts["bayes"] = BAYES_ONLINE


def _problem(path: Path, message: str) -> ConfigError:
    return ConfigError([ConfigProblem(str(path), "", message)])

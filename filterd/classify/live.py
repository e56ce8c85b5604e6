"""live - the local weights: one mapped file that every worker reads and a learner changes.

Owns:   LiveModel (create, open, learn, forget, score, shares), the file's layout.
Not here: which label is true (classify.journal), which model is the current one (classify.publish).
Rules of this file: readers take no lock (a number is written whole, a message seen between two writes
        is at worst a hair off); writers hold the file's lock. What one label changed is returned, so
        that exactly that can be taken back.

Layout: 4096 bytes of facts (_FACTS), float32 weights (5 views x 2^18), uint16 counts (2 x 2^20). The
file is sparse: an untouched page costs neither disk nor memory.
"""

from __future__ import annotations

import fcntl
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterd.classify.bayes import Counts
from filterd.classify.features import LOCAL_VIEWS, VERSION, Features
from filterd.classify.hashing import SLOT_BITS
from filterd.classify.linear import RATE, Tables
from filterd.classify.model import Model
from filterd.core.errors import ConfigError, ConfigProblem

MAGIC = b"filtlive"
BITS = 18
BAYES_WEIGHT = 0.024  # of naive Bayes beside the mean of the views (study, 1c)
BAYES_VIEW = "F"
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
    ]
)
_WEIGHTS_BYTES = len(LOCAL_VIEWS) * 4 << BITS
_COUNTS_BYTES = 2 * 2 << SLOT_BITS
SIZE = _FACTS_BYTES + _WEIGHTS_BYTES + _COUNTS_BYTES


@dataclass(frozen=True, slots=True)
class Step:
    """What one label changed: a step for each view."""

    steps: tuple[float, ...]
    is_spam: bool


class LiveModel:
    """The mapped file."""

    def __init__(self, path: Path | None, image: NDArray[np.uint8]) -> None:
        self.path = path
        facts: Any = image[: _FACTS.itemsize].view(_FACTS)[0]
        self._facts = facts
        weights = image[_FACTS_BYTES : _FACTS_BYTES + _WEIGHTS_BYTES].view("<f4")
        counts = image[_FACTS_BYTES + _WEIGHTS_BYTES :].view("<u2")
        self.tables = Tables(
            LOCAL_VIEWS,
            weights.reshape(len(LOCAL_VIEWS), 1 << BITS),
            (1.0,) * len(LOCAL_VIEWS),
            BITS,
        )
        self.counts = Counts(counts.reshape(2, 1 << SLOT_BITS), facts["bayes_totals"])

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
        if facts["magic"] != MAGIC or facts["format"] != 1:
            raise _problem(path, "is no file of local weights")
        if facts["feature_version"] != VERSION:
            raise _problem(
                path,
                f"has features of version {facts['feature_version']}, this program makes {VERSION}",
            )
        return cls(path, plain)

    @classmethod
    def create(cls, path: Path, base: Model | None = None) -> None:
        """Write a fresh file, from a published model or empty, and put it in place at once."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with temporary.open("wb") as stream:
            stream.truncate(SIZE)
        image = np.memmap(temporary, dtype=np.uint8, mode="r+")
        plain = image.view(np.ndarray)
        _stamp(plain)
        if base is not None:
            cls(path, plain).copy(base)
        image.flush()
        temporary.replace(path)

    def copy(self, base: Model) -> None:
        """Take over the weights, counts and facts of a published model."""
        for index, view in enumerate(LOCAL_VIEWS):
            if view in base.manifest.views and base.manifest.bits == BITS:
                source = base.manifest.views.index(view)
                scale = base.manifest.scales[source]
                self.tables.weights[index] = base.tables.weights[source] * np.float32(scale)
        if base.counts is not None:
            self.counts.table[:] = base.counts.table
            self.counts.totals[:] = base.counts.totals
        facts = self._facts
        facts["base"] = base.manifest.id.encode()
        facts["position"] = base.manifest.journal_position
        facts["spam"] = base.manifest.messages_spam
        facts["ham"] = base.manifest.messages_ham
        facts["slope"] = base.manifest.calibration.slope
        facts["intercept"] = base.manifest.calibration.intercept

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

    # -- scoring ----------------------------------------------------------------------------

    def score(self, features: Features) -> float:
        """Mean of the views + a little naive Bayes, uncalibrated."""
        return self.tables.score(features) + self._bayes(features)

    def _bayes(self, features: Features) -> float:
        size = features.size(BAYES_VIEW)
        if not size:
            return 0.0
        total = 0.0
        for group in features.view(BAYES_VIEW):
            total += float(self.counts.shares(group.slots).sum(dtype=np.float64))
        return BAYES_WEIGHT * total / math.sqrt(size)

    def shares(self, features: Features) -> dict[str, NDArray[np.float64]]:
        """For each group what each feature adds to `score`; all of them sum to it."""
        found = self.tables.shares(features)
        size = features.size(BAYES_VIEW)
        for group in features.view(BAYES_VIEW):
            found[group.kind] += self.counts.shares(group.slots) * (BAYES_WEIGHT / size**0.5)
        return found

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

    def learn(self, features: Features, is_spam: bool, rate: float = RATE) -> Step:
        """One label; the caller holds the lock."""
        steps = self.tables.learn(features, is_spam, rate=rate)
        for group in features.view(BAYES_VIEW):
            self.counts.learn(group.slots, is_spam)
        self._facts["spam" if is_spam else "ham"] += 1
        return Step(steps, is_spam)

    def forget(self, features: Features, step: Step) -> None:
        """Take back exactly what that label changed; the caller holds the lock."""
        self.tables.move(features, step.steps, sign=-1)
        for group in features.view(BAYES_VIEW):
            self.counts.forget(group.slots, step.is_spam)
        key = "spam" if step.is_spam else "ham"
        self._facts[key] = max(0, int(self._facts[key]) - 1)


def _stamp(image: NDArray[np.uint8]) -> None:
    facts = image[: _FACTS.itemsize].view(_FACTS)
    facts["magic"] = MAGIC
    facts["format"] = 1
    facts["feature_version"] = VERSION
    facts["slope"] = 1.0
    facts["intercept"] = 0.0


def _problem(path: Path, message: str) -> ConfigError:
    return ConfigError([ConfigProblem(str(path), "", message)])

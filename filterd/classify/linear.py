"""linear - one linear score for each view: sum of the weights of what is present over sqrt(how many).

Owns:   Tables: scores, shares, and steps of online logistic regression; `votes`, `shipped_votes`.
The division makes one learning rate right for a message of 200 features and one of 3,000 (study, 1a).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterd.classify.features import VIEWS, Features
from filterd.classify.hashing import SLOT_BITS, Slots

RATE = 5.0  # of a step on a vector of unit length; flat between 2 and 10
THICKNESS = (
    4.0  # no step for a message this far on its side: an eighth of the work, same figures
)

Shares = NDArray[np.float32]


def sigmoid(log_odds: float) -> float:
    """1 / (1 + e^-x) without overflow."""
    if log_odds < -700:
        return 0.0
    return 1 / (1 + math.exp(-log_odds))


def votes(views: Sequence[str], known: float = 0.0) -> list[float]:
    """How much each local view's score counts, summing to 1; `known` is 0 for mail that is new, up to 1."""
    new = [VIEWS[view].new for view in views]
    old = [VIEWS[view].known for view in views]
    return [
        (1 - known) * a / (sum(new) or 1) + known * b / (sum(old) or 1)
        for a, b in zip(new, old, strict=True)
    ]


@cache
def shipped_votes(views: tuple[str, ...]) -> tuple[float, ...]:
    """How much each shipped view's score counts, summing to 1."""
    found = [VIEWS[view].shipped for view in views]
    return tuple(vote / (sum(found) or 1) for vote in found)


@dataclass(frozen=True, slots=True)
class Tables:
    """One row of weights for each view."""

    views: tuple[str, ...]
    weights: NDArray[Any]  # (views, 2^bits)
    scales: Sequence[float]
    bits: int

    def scores(self, features: Features) -> list[float]:
        """The score of each view."""
        return self._scores(features, self._places(features), (1.0,) * len(self.views))

    def score(self, features: Features, counted: Sequence[float]) -> float:
        """The mean over the views, each as much as it counts (`votes`)."""
        found = self._scores(features, self._places(features), counted)
        return sum([v * s for v, s in zip(counted, found, strict=True)])

    def _places(self, features: Features) -> Slots:
        """Where in a row each slot has its weight."""
        return features.slots >> (SLOT_BITS - self.bits)

    def _scores(
        self, features: Features, places: Slots, counted: Sequence[float]
    ) -> list[float]:
        """The score of each view that counts at all; 0 for the others."""
        found = []
        rows = zip(self.weights, self.scales, self.views, counted, strict=True)
        for row, scale, view, vote in rows:
            start, stop = features.run(view)
            if start == stop or not vote:
                found.append(0.0)
                continue
            # Not .sum(): it is Python that calls this.
            total = float(np.add.reduce(row.take(places[start:stop]), dtype=np.float64))
            found.append(scale * total / math.sqrt(stop - start))
        return found

    def add_shares(
        self, features: Features, factor: float, shares: Shares, counted: Sequence[float]
    ) -> None:
        """Add to `shares` what each feature adds to `factor * score`; all of them sum to it."""
        places = self._places(features)
        rows = zip(self.weights, self.scales, self.views, counted, strict=True)
        for row, scale, view, vote in rows:
            start, stop = features.run(view)
            if start < stop and vote:
                share = factor * scale * vote / math.sqrt(stop - start)
                part = shares[start:stop]
                part += row.take(places[start:stop]) * np.float32(share)

    def learn(
        self,
        features: Features,
        is_spam: bool,
        *,
        rate: float = RATE,
        weight: float = 1.0,
        thickness: float = THICKNESS,
    ) -> tuple[float, ...]:
        """One step of logistic regression a view; the steps taken (0: none was needed)."""
        steps = []
        places = self._places(features)
        scores = self._scores(features, places, (1.0,) * len(self.views))
        for view, score in zip(self.views, scores, strict=True):
            signed = score if is_spam else -score
            start, stop = features.run(view)
            if signed >= thickness or start == stop:
                steps.append(0.0)
                continue
            step = rate * weight * sigmoid(-signed) / math.sqrt(stop - start)
            steps.append(step if is_spam else -step)
        self._move(features, places, steps)
        return tuple(steps)

    def shift(self, features: Features, by: float) -> tuple[float, ...]:
        """Move each view's score of this message by so much; the steps taken."""
        runs = [features.run(view) for view in self.views]
        steps = [by / math.sqrt(stop - start) if start < stop else 0.0 for start, stop in runs]
        self.move(features, steps)
        return tuple(steps)

    def move(self, features: Features, steps: Sequence[float], sign: int = 1) -> None:
        """Add each view's step to the weights of what is present; -1 takes it back."""
        if sign < 0:
            steps = [-step for step in steps]
        self._move(features, self._places(features), steps)

    def _move(self, features: Features, places: Slots, steps: Sequence[float]) -> None:
        for row, view, step in zip(self.weights, self.views, steps, strict=True):
            if step:
                start, stop = features.run(view)
                part = places[start:stop]
                row[part] = row.take(part) + np.float32(step)

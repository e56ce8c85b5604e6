"""linear - one linear score for each view: sum of the weights of what is present over sqrt(how many).

Owns:   Tables: score, shares, margins and steps of online logistic regression.
The division makes one learning rate right for a message of 200 features and one of 3,000 (study, 1a).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterd.classify.features import Features
from filterd.classify.hashing import SLOT_BITS

RATE = 5.0  # of a step on a vector of unit length; flat between 2 and 10
THICKNESS = (
    4.0  # no step for a message this far on its side: an eighth of the work, same figures
)


def sigmoid(log_odds: float) -> float:
    """1 / (1 + e^-x) without overflow."""
    if log_odds < -700:
        return 0.0
    return 1 / (1 + math.exp(-log_odds))


@dataclass(frozen=True, slots=True)
class Tables:
    """One row of weights for each view."""

    views: Sequence[str]
    weights: NDArray[Any]  # (views, 2^bits)
    scales: Sequence[float]
    bits: int

    def scores(self, features: Features) -> list[float]:
        """The score of each view."""
        shift = SLOT_BITS - self.bits
        found = []
        for row, scale, view in zip(self.weights, self.scales, self.views, strict=True):
            size = features.size(view)
            total = 0.0
            for group in features.view(view):
                total += float(row.take(group.slots >> shift).sum(dtype=np.float64))
            found.append(scale * total / math.sqrt(size) if size else 0.0)
        return found

    def score(self, features: Features) -> float:
        """The mean over the views."""
        return sum(self.scores(features)) / len(self.views)

    def shares(self, features: Features) -> dict[str, NDArray[np.float64]]:
        """For each group, what each of its features adds to `score`; all of them sum to it."""
        shift = SLOT_BITS - self.bits
        found: dict[str, NDArray[np.float64]] = {}
        for row, scale, view in zip(self.weights, self.scales, self.views, strict=True):
            size = features.size(view)
            for group in features.view(view) if size else ():
                share = row.take(group.slots >> shift).astype(np.float64)
                share *= scale / math.sqrt(size) / len(self.views)
                kind = group.kind
                found[kind] = found[kind] + share if kind in found else share
        return found

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
        for view, score in zip(self.views, self.scores(features), strict=True):
            signed = score if is_spam else -score
            if signed >= thickness:
                steps.append(0.0)
                continue
            gap = sigmoid(-signed)
            step = rate * weight * gap / math.sqrt(max(1, features.size(view)))
            steps.append(step if is_spam else -step)
        self.move(features, steps)
        return tuple(steps)

    def move(self, features: Features, steps: Sequence[float], sign: int = 1) -> None:
        """Add each view's step to the weights of what is present; -1 takes it back."""
        shift = SLOT_BITS - self.bits
        for row, view, step in zip(self.weights, self.views, steps, strict=True):
            if step:
                for group in features.view(view):
                    row[group.slots >> shift] += np.float32(sign * step)

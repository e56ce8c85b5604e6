"""local - what local labels teach: logistic regression on each view, and a little naive Bayes.

Owns:   LocalWeights (score, shares, learn, forget), Step, LocalModel (protocol), Fitted.
Not here: the file that holds them (classify.live), passes over a training set (classify.fit).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from filterd.classify.bayes import Counts
from filterd.classify.features import Features
from filterd.classify.linear import RATE, THICKNESS, Shares, Tables

BITS = 18
# Of naive Bayes beside the mean of the views. It learns fastest, so it counts most in a stream that is
# learned message by message (flat from 0.024 to 0.05); beside tables fitted in several passes it only
# blurs (recall on commercial mail 93.7, 92.1, 90.5 % with 0, 0.01, 0.03).
BAYES_ONLINE = 0.03
BAYES_FITTED = 0.01
BAYES_VIEW = "site"


@dataclass(frozen=True, slots=True)
class Step:
    """What one label changed: a step for each view."""

    steps: tuple[float, ...]
    is_spam: bool


@dataclass(frozen=True, slots=True)
class LocalWeights:
    """Tables of all views, and counts."""

    tables: Tables
    counts: Counts
    bayes: float = BAYES_ONLINE  # weight of naive Bayes

    def score(self, features: Features) -> float:
        """Mean of the views + a little naive Bayes, uncalibrated."""
        return self.tables.score(features) + self._bayes(features)

    def _bayes(self, features: Features) -> float:
        start, stop = features.run(BAYES_VIEW)
        if start == stop:
            return 0.0
        shares = self.counts.shares(features.slots[start:stop])
        return self.bayes * float(shares.sum(dtype=np.float64)) / math.sqrt(stop - start)

    def add_shares(self, features: Features, factor: float, shares: Shares) -> None:
        """Add to `shares` what each feature adds to `factor * score`; all of them sum to it."""
        self.tables.add_shares(features, factor, shares)
        start, stop = features.run(BAYES_VIEW)
        if start < stop:
            share = np.float32(factor * self.bayes / math.sqrt(stop - start))
            shares[start:stop] += self.counts.shares(features.slots[start:stop]) * share

    def learn(
        self,
        features: Features,
        is_spam: bool,
        *,
        rate: float = RATE,
        thickness: float = THICKNESS,
    ) -> Step:
        """Learn one message; what that changed."""
        steps = self.tables.learn(features, is_spam, rate=rate, thickness=thickness)
        start, stop = features.run(BAYES_VIEW)
        self.counts.learn(features.slots[start:stop], is_spam)
        return Step(steps, is_spam)

    def forget(self, features: Features, step: Step) -> None:
        """Take back exactly what that message changed."""
        self.tables.move(features, step.steps, sign=-1)
        start, stop = features.run(BAYES_VIEW)
        self.counts.forget(features.slots[start:stop], step.is_spam)


class LocalModel(Protocol):
    """Local weights with the facts that scoring needs."""

    @property
    def weights(self) -> LocalWeights: ...

    @property
    def spam(self) -> int:
        """Messages learned as spam."""
        ...

    @property
    def ham(self) -> int: ...

    @property
    def slope(self) -> float:
        """Log odds = slope * score + intercept."""
        ...

    @property
    def intercept(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """A local model in memory."""

    weights: LocalWeights
    spam: int
    ham: int
    slope: float = 1.0
    intercept: float = 0.0

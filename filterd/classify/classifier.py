"""classifier - the opinion on one message: local weights, and the shipped ones as far as they count.

Owns:   Scoring: shipped + live -> log odds -> probability, points, tokens.
Not here: which files are in force (classify.home), names of features (classify.explain).
Rules of this file: log odds = local + fade/(fade+n) * shipped, each calibrated on its own; the two sets
        of weights never mix. Points are a share of the log odds, so each token's points are its part
        of the sum, exactly; a cap shrinks all of them by one factor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from filterd.classify.explain import tokens
from filterd.classify.features import Features
from filterd.classify.linear import Shares, shipped_votes, sigmoid
from filterd.classify.local import LocalModel
from filterd.classify.model import Model
from filterd.classify.settings import ClassifierSettings
from filterd.core.check import Opinion

TOP_TOKENS = 8  # named for and against


def labels_behind(spam: int, ham: int) -> float:
    """How many local labels count: all when classes balance, none while one class is empty.

    The harmonic mean, twice: 10 spam and 10 ham are 20, 100 and 10 are 36, 100 and 0 are none.
    """
    return 4.0 * spam * ham / (spam + ham) if spam and ham else 0.0


class Judged(NamedTuple):
    """A message's log odds, and what each feature adds to them; `constant` is nobody's."""

    log_odds: float
    constant: float
    shares: Shares


@dataclass(frozen=True, slots=True)
class Scoring:
    """One shipped model and one local one, either of which may be missing."""

    settings: ClassifierSettings
    shipped: Model | None
    live: LocalModel | None

    @property
    def labels(self) -> tuple[int, int]:
        """How many local labels there are, spam and ham."""
        return (0, 0) if self.live is None else (self.live.spam, self.live.ham)

    @property
    def is_local_empty(self) -> bool:
        """Whether there is no local label: then two groups of features are not needed."""
        return not any(self.labels)

    @property
    def is_confirmed(self) -> bool:
        """Whether enough local labels of both classes stand behind the score."""
        return self.live is not None and min(self.labels) >= self.settings.confirm

    @property
    def weight_of_shipped(self) -> float:
        """What is left of the shipped model: fade / (fade + labels)."""
        return self.settings.fade / (self.settings.fade + labels_behind(*self.labels))

    def judge(self, features: Features) -> Judged:
        """Calibrated log odds of spam, feature by feature."""
        shares = np.zeros(len(features.slots), dtype=np.float32)
        constant = 0.0
        if self.shipped is not None:
            calibration = self.shipped.manifest.calibration
            factor = self.weight_of_shipped
            tables = self.shipped.tables
            tables.add_shares(
                features, factor * calibration.slope, shares, shipped_votes(tables.views)
            )
            constant += factor * calibration.intercept
        live = self.live
        if live is not None and not self.is_local_empty:
            live.weights.add_shares(features, live.slope, shares)
            constant += live.intercept
        total = float(np.add.reduce(shares, dtype=np.float64))
        return Judged(total + constant, constant, shares)

    def log_odds(self, features: Features) -> float:
        """Calibrated log odds of spam, as `judge` has them, without what each feature adds."""
        total = 0.0
        if self.shipped is not None:
            calibration = self.shipped.manifest.calibration
            tables = self.shipped.tables
            score = tables.score(features, shipped_votes(tables.views))
            total += self.weight_of_shipped * (
                calibration.slope * score + calibration.intercept
            )
        live = self.live
        if live is not None and not self.is_local_empty:
            total += live.slope * live.weights.score(features) + live.intercept
        return total

    def points(self, log_odds: float) -> float:
        """Points for log odds: proportional, bending towards the cap so that order is kept."""
        settings = self.settings
        raw = settings.points * log_odds
        cap = settings.spam_cap if raw > 0 else settings.ham_cap
        if not self.is_confirmed:
            cap = min(cap, settings.unconfirmed_cap)
        return cap * math.tanh(raw / cap) if cap > 0 else 0.0

    def opinion(self, features: Features, top: int = TOP_TOKENS) -> Opinion:
        """The answer, with its strongest tokens; a last one stands for all the others."""
        judged = self.judge(features)
        points = self.points(judged.log_odds)
        probability = sigmoid(judged.log_odds)
        spam, ham = self.labels
        labels = f"{spam} spam + {ham} ham local labels" if spam or ham else "no local labels"
        factor = points / judged.log_odds if judged.log_odds else 0.0
        named = [(name, share * factor) for name, share in tokens(features, judged.shares, top)]
        others = points - math.fsum([share for _, share in named])
        return Opinion(
            probability=probability,
            points=points,
            tokens=(*named, ("all others", others)),
            model=self.shipped.manifest.id if self.shipped is not None else "none",
            confirmed=self.is_confirmed,
            detail=f"{probability:.4f} {labels}",
        )

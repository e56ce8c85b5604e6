"""classifier - the opinion on one message: local weights, and the shipped ones as far as they count.

Owns:   Scoring: shipped + live -> log odds -> probability, points, tokens.
Not here: which files are in force (classify.home).
Rules of this file: log odds = local + fade/(fade+n) * shipped, each calibrated on its own; the two sets
        of weights never mix. Points are a share of the log odds, so each token's points are its part
        of the sum, exactly; a cap shrinks all of them by one factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterd.classify.features import LOCAL_VIEWS, SHIPPED_VIEWS, Features
from filterd.classify.linear import sigmoid
from filterd.classify.live import LiveModel
from filterd.classify.model import Model
from filterd.classify.settings import ClassifierSettings
from filterd.core.check import Opinion

TOP_TOKENS = 8  # named for and against


def labels_behind(spam: int, ham: int) -> float:
    """How many local labels count: all when classes balance, none while one class is empty.

    The harmonic mean, twice: 10 spam and 10 ham are 20, 100 and 10 are 36, 100 and 0 are none.
    """
    return 4.0 * spam * ham / (spam + ham) if spam and ham else 0.0


@dataclass(frozen=True, slots=True)
class Scoring:
    """One shipped model and one local one, either of which may be missing."""

    settings: ClassifierSettings
    shipped: Model | None
    live: LiveModel | None

    @property
    def is_local_empty(self) -> bool:
        return self.live is None or not (self.live.spam or self.live.ham)

    @property
    def views(self) -> Sequence[str]:
        """The views that a message needs."""
        return SHIPPED_VIEWS if self.is_local_empty else LOCAL_VIEWS

    @property
    def is_confirmed(self) -> bool:
        """Whether enough local labels of both classes stand behind the score."""
        least = self.settings.confirm
        return self.live is not None and self.live.spam >= least and self.live.ham >= least

    @property
    def weight_of_shipped(self) -> float:
        """Fade / (fade + labels)."""
        labels = 0.0 if self.live is None else labels_behind(self.live.spam, self.live.ham)
        return self.settings.fade / (self.settings.fade + labels)

    def log_odds(self, features: Features) -> float:
        """Calibrated log odds of spam."""
        total = 0.0
        if self.shipped is not None:
            calibration = self.shipped.manifest.calibration
            score = self.shipped.tables.score(features)
            total += self.weight_of_shipped * (
                calibration.slope * score + calibration.intercept
            )
        live = self.live
        if live is not None and not self.is_local_empty:
            total += live.slope * live.score(features) + live.intercept
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
        """The answer, with its strongest tokens; the last ones named stand for all the others."""
        log_odds = self.log_odds(features)
        points = self.points(log_odds)
        probability = sigmoid(log_odds)
        model = self.shipped.manifest.id[:12] if self.shipped is not None else "none"
        labels = "no local labels"
        if self.live is not None and not self.is_local_empty:
            labels = f"{self.live.spam} spam + {self.live.ham} ham local labels"
        return Opinion(
            probability=probability,
            points=points,
            tokens=self.tokens(features, log_odds, points, top) if top else (),
            model=model,
            confirmed=self.is_confirmed,
            detail=f"{probability:.4f} {labels}",
        )

    def tokens(
        self, features: Features, log_odds: float, points: float, top: int
    ) -> tuple[tuple[str, float], ...]:
        """The strongest features by points, then the rest as one; they sum to `points`."""
        factor = points / log_odds if log_odds else 0.0
        named: list[tuple[str, float]] = []
        for kind, shares in self.shares(features).items():
            group = features.groups[kind]
            strongest = _strongest(shares, top)
            named += [(group.name(i), float(shares[i]) * factor) for i in strongest]
        named.sort(key=lambda item: (-abs(item[1]), item[0]))
        kept = [item for item in named[:top] if item[1]]
        rest = points - sum(share for _, share in kept)
        return (*kept, ("all others", rest))

    def shares(self, features: Features) -> dict[str, NDArray[np.float64]]:
        """For each group what each feature adds to the log odds; intercepts are not in it."""
        found: dict[str, NDArray[np.float64]] = {}
        if self.shipped is not None:
            factor = self.weight_of_shipped * self.shipped.manifest.calibration.slope
            for kind, share in self.shipped.tables.shares(features).items():
                found[kind] = share * factor
        if self.live is not None and not self.is_local_empty:
            for kind, share in self.live.shares(features).items():
                local = share * self.live.slope
                found[kind] = found[kind] + local if kind in found else local
        return found


def _strongest(shares: NDArray[np.float64], top: int) -> list[int]:
    if len(shares) <= top:
        return list(range(len(shares)))
    found: list[int] = np.argpartition(np.abs(shares), len(shares) - top)[-top:].tolist()
    return found

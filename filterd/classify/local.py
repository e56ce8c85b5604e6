"""local - what local labels teach: logistic regression on each view, and a little naive Bayes.

Owns:   LocalWeights (score, shares, learn, forget), Step, LocalModel (protocol), Fitted.
Not here: the file that holds them (classify.live), passes over a training set (classify.fit).
Rules of this file: words decide on mail like that which was learned, structure on mail that is new. How
        much of a message's header fields was met before tells the two apart (figures below).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from filterd.classify.bayes import Counts
from filterd.classify.features import Features
from filterd.classify.hashing import Slots
from filterd.classify.linear import RATE, THICKNESS, Shares, Tables, votes

BITS = 18
BAYES_VIEWS = ("site", "fields")  # what naive Bayes judges by
SITE, FIELDS, NAMES = (
    0,
    1,
    2,
)  # of what there are counts; NAMES: of the fields' tokens without the words
COUNTED = 3


class Bayes(NamedTuple):
    """Weights of naive Bayes beside the mean of the views; `fields` counts on familiar mail only."""

    site: float
    fields: float


# It learns fastest, so it counts most in a stream that is learned message by message (site: flat from
# 0.024 to 0.05). Beside tables fitted in several passes n-gram counts only blur, counts of the tokens of
# fields and words help: SpamAssassin corpus, two random halvings, 0.037 and 0.027 -> 0.020 and 0.017 %;
# its older half by time 2.2 -> 0.6 %.
BAYES_ONLINE = Bayes(0.03, 0.03)
BAYES_FITTED = Bayes(0.0, 0.15)

# Share of a message's header tokens that learned mail held. Mail of a source that was learned: 0.84-0.94
# (median of three sets 0.91, 0.91, 0.87); of other senders at a known site 0.78; of a source never seen
# 0.67-0.71, 95 % of it below 0.83.
NEW, KNOWN = 0.75, 0.85


@dataclass(frozen=True, slots=True)
class Step:
    """What one label changed: a step for each view."""

    steps: tuple[float, ...]
    is_spam: bool


@dataclass(frozen=True, slots=True)
class LocalWeights:
    """Tables of all views, and counts (COUNTED of them)."""

    tables: Tables
    counts: Counts
    bayes: Bayes = BAYES_ONLINE

    def score(self, features: Features) -> float:
        """Mean of the views + a little naive Bayes, uncalibrated."""
        known = self._familiarity(features)
        total = self.tables.score(features, votes(self.tables.views, known))
        for view, weight in self._bayes(known):
            slots = features.view(BAYES_VIEWS[view])
            if len(slots):
                shares = self.counts.shares(view, slots)
                total += weight * float(shares.sum(dtype=np.float64)) / math.sqrt(len(slots))
        return total

    def add_shares(self, features: Features, factor: float, shares: Shares) -> None:
        """Add to `shares` what each feature adds to `factor * score`; all of them sum to it."""
        known = self._familiarity(features)
        self.tables.add_shares(features, factor, shares, votes(self.tables.views, known))
        for view, weight in self._bayes(known):
            start, stop = features.run(BAYES_VIEWS[view])
            if start < stop:
                share = np.float32(factor * weight / math.sqrt(stop - start))
                shares[start:stop] += (
                    self.counts.shares(view, features.slots[start:stop]) * share
                )

    def _familiarity(self, features: Features) -> float:
        """0 for mail that is new, 1 for mail like that which was learned."""
        met = self.counts.familiarity(NAMES, features.group("fields"))
        return min(1.0, max(0.0, (met - NEW) / (KNOWN - NEW)))

    def _bayes(self, known: float) -> list[tuple[int, float]]:
        weights = ((SITE, self.bayes.site), (FIELDS, self.bayes.fields * known))
        return [(view, weight) for view, weight in weights if weight]

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
        self.counts.learn(counted(features), is_spam)
        return Step(steps, is_spam)

    def forget(self, features: Features, step: Step) -> None:
        """Take back exactly what that message changed."""
        self.tables.move(features, step.steps, sign=-1)
        self.counts.forget(counted(features), step.is_spam)


def counted(features: Features) -> list[Slots]:
    """The slots that are counted; words would fill the table that tells what was met before."""
    return [*(features.view(view) for view in BAYES_VIEWS), features.group("fields")]


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

"""bayes - naive Bayes over message counts: how often each slot was in spam and in ham.

Owns:   Counts: shares, familiarity, learn, forget; smoothing and ageing.
The rule: sum over what is present of ln((c + s) / (Ns + 2s)) - ln((d + s) / (Nh + 2s)), over sqrt(n),
with c, d the spam and ham messages that hold the slot and s = 0.01 (best of seven, models/README.md).
Counts are 16-bit; a class that passes MAX_MESSAGES is halved, so that the old fades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterd.classify.hashing import Slots

SMOOTHING = 0.01
MAX_MESSAGES = (
    5_000  # a class; more keeps dead campaigns alive, fewer forgets too soon (study, 1c)
)
_LOGS: NDArray[np.float32] = np.log(np.arange(1 << 16, dtype=np.float64) + SMOOTHING).astype(
    np.float32
)
SPAM, HAM = 0, 1


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts (view, spam or ham, slot), and how many messages of each class stand behind them."""

    table: NDArray[np.uint16]
    totals: NDArray[np.float64]

    @classmethod
    def empty(cls, views: int, slots: int) -> Counts:
        return cls(np.zeros((views, 2, slots), dtype=np.uint16), np.zeros(2))

    def shares(self, view: int, slots: Slots) -> NDArray[np.float32]:
        """What each slot says, before division by sqrt(n); all 0 while a class is empty."""
        if not (self.totals > 0).all():
            return np.zeros(len(slots), dtype=np.float32)
        spam, ham = self.table[view]
        prior = np.log(self.totals + 2 * SMOOTHING)
        logs: NDArray[np.float32] = _LOGS.take(spam.take(slots))
        logs -= _LOGS.take(ham.take(slots))
        logs -= np.float32(prior[SPAM] - prior[HAM])
        return logs

    def familiarity(self, view: int, slots: Slots) -> float:
        """The share of these slots that any counted message held."""
        if not len(slots):
            return 0.0
        spam, ham = self.table[view]
        return float(np.count_nonzero(spam.take(slots) | ham.take(slots))) / len(slots)

    def learn(self, slots: Sequence[Slots], is_spam: bool) -> None:
        """Count one message, given its slots in each view."""
        row = SPAM if is_spam else HAM
        for view, present in enumerate(slots):
            counts = self.table[view, row]
            counts[present] = np.minimum(counts[present], np.uint16(65_534)) + np.uint16(1)
        self.totals[row] += 1
        if self.totals[row] > MAX_MESSAGES:
            self.table[:, row] >>= np.uint16(1)
            self.totals[row] /= 2

    def forget(self, slots: Sequence[Slots], is_spam: bool) -> None:
        """Take one message back; after a halving this is as near as counts allow."""
        row = SPAM if is_spam else HAM
        for view, present in enumerate(slots):
            counts = self.table[view, row]
            found = counts[present]
            counts[present] = found - (found > 0)
        self.totals[row] = max(0.0, self.totals[row] - 1)

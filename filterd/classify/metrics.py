"""metrics - how good a ranking of messages is, in the figures of the TREC spam tracks.

Owns:   Figures, `figures`, thresholds at given error rates, calibration error.
Not here: curves for reports (classify.report). Percentages are of the class they name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15  # of the calibration error


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run measured; the keys of `evaluate --json`."""

    messages: int
    spam: int
    ham: int
    one_minus_auc_percent: float | None  # None where a class is empty
    fp_at_fn_1_percent: float | None
    fn_at_fp_0_1_percent: float | None
    misclassified_spam_percent: float | None
    misclassified_ham_percent: float | None
    calibration_error: float | None = None
    messages_per_second: float | None = None

    def plain(self) -> dict[str, float | int | None]:
        """For JSON."""
        return asdict(self)


def figures(
    is_spam: ArrayLike, log_odds: ArrayLike, messages_per_second: float | None = None
) -> Figures:
    """All figures of scores (log odds; spam from 0 on) against labels."""
    truth = np.asarray(is_spam, dtype=bool)
    score = np.asarray(log_odds, dtype=np.float64)
    spam, ham = int(truth.sum()), int((~truth).sum())
    both = bool(spam and ham)
    return Figures(
        messages=len(truth),
        spam=spam,
        ham=ham,
        one_minus_auc_percent=100 * one_minus_auc(truth, score) if both else None,
        fp_at_fn_1_percent=100 * fp_at_fn(truth, score, 0.01) if both else None,
        fn_at_fp_0_1_percent=100 * fn_at_fp(truth, score, 0.001) if both else None,
        misclassified_spam_percent=100 * float((score[truth] < 0).mean()) if spam else None,
        misclassified_ham_percent=100 * float((score[~truth] >= 0).mean()) if ham else None,
        calibration_error=calibration_error(truth, score) if both else None,
        messages_per_second=messages_per_second,
    )


def one_minus_auc(is_spam: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The chance that a ham scores above a spam, ties counting half."""
    spam, ham = np.sort(score[is_spam]), np.sort(score[~is_spam])
    above = np.searchsorted(ham, spam, side="right")  # ham at or below each spam
    below = np.searchsorted(ham, spam, side="left")
    good = (below + 0.5 * (above - below)).sum()
    return float(1 - good / (len(spam) * len(ham)))


def threshold_at_fp(
    is_spam: NDArray[np.bool_], score: NDArray[np.float64], rate: float
) -> float:
    """The lowest threshold (spam is above it) at which at most `rate` of the ham is spam."""
    ham = np.sort(score[~is_spam])[::-1]
    allowed = int(rate * len(ham) + 1e-9)
    return float(ham[allowed]) if allowed < len(ham) else float("-inf")


def fn_at_fp(is_spam: NDArray[np.bool_], score: NDArray[np.float64], rate: float) -> float:
    """The share of spam missed when at most `rate` of the ham is called spam."""
    return float((score[is_spam] <= threshold_at_fp(is_spam, score, rate)).mean())


def fp_at_fn(is_spam: NDArray[np.bool_], score: NDArray[np.float64], rate: float) -> float:
    """The share of ham called spam when at most `rate` of the spam is missed."""
    spam = np.sort(score[is_spam])
    missed = int(rate * len(spam) + 1e-9)
    return float((score[~is_spam] >= spam[min(missed, len(spam) - 1)]).mean())


def calibration_error(
    is_spam: NDArray[np.bool_], log_odds: NDArray[np.float64], bins: int = BINS
) -> float:
    """Expected calibration error: |share of spam - mean probability| over equal-width bins."""
    probability = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = place == number
        if inside.any():
            gap = abs(float(is_spam[inside].mean()) - float(probability[inside].mean()))
            error += gap * float(inside.mean())
    return error

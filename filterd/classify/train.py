"""train - a local model from a training set: fit, calibrate, and how it does on what it never saw.

Owns:   `train`, Trial (an honest model and the later slice it was tested on), `cross_validated`. The only importer
        of scikit-learn, with classify.report; nothing that scans imports it.
The honest model is fitted without the newest fifth of each source and class; on that slice it is measured
and calibrated. The model that is published is fitted on everything, with the honest one's calibration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from filterd.classify.classifier import Scoring
from filterd.classify.features import LOCAL_VIEWS
from filterd.classify.fit import Numbers, Progress, fit_counts, fit_tables
from filterd.classify.local import BAYES_FITTED, BITS, Fitted, LocalWeights
from filterd.classify.manifest import Calibration
from filterd.classify.model import Model
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import TrainingSet

HELD_OUT = 0.2  # of each source and class, the newest
FOLDS = 5
SLOPES = (0.1, 2.0)  # a slice without any error would ask for an endless slope
# Of the intercept. Where nothing is wrong it is placed by a few messages at the edges: a quarter has the
# smallest error on slices to come (ECE of all 0.0042 -> 0.0025, of commercial mail 0.057 -> 0.037).
TRUST = 0.25
SEED = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """An honest model, and what it said of messages that it had not seen."""

    model: Fitted
    numbers: Numbers  # of the messages tested
    log_odds: NDArray[np.float64]


def fit(examples: TrainingSet, numbers: Numbers, progress: Progress = lambda: None) -> Fitted:
    """A model of these messages, not yet calibrated."""
    tables = fit_tables(examples, numbers, LOCAL_VIEWS, BITS, progress=progress)
    counts = fit_counts(examples, by_time(examples, numbers).tolist())
    is_spam = examples.is_spam[numbers]
    spam = int(is_spam.sum())
    return Fitted(LocalWeights(tables, counts, BAYES_FITTED), spam, len(is_spam) - spam)


def by_time(examples: TrainingSet, numbers: Numbers) -> Numbers:
    """The same messages, oldest first; those of one moment in the order they were added."""
    order = np.lexsort((numbers, examples.at[numbers]))
    return numbers[order]


def split_by_time(
    examples: TrainingSet, numbers: Numbers, held_out: float
) -> tuple[Numbers, Numbers]:
    """(older, newer): the newest share of each source and class apart, so that no class is left empty."""
    key = 2 * examples.source.astype(np.int64) + examples.is_spam
    older: list[Numbers] = []
    newer: list[Numbers] = []
    for value in np.unique(key[numbers]).tolist():
        ordered = by_time(examples, numbers[key[numbers] == value])
        cut = len(ordered) - int(held_out * len(ordered))
        older.append(ordered[:cut])
        newer.append(ordered[cut:])
    nothing = np.zeros(0, dtype=np.intp)
    return np.sort(np.concatenate([nothing, *older])), np.sort(
        np.concatenate([nothing, *newer])
    )


def scores(examples: TrainingSet, numbers: Numbers, model: Fitted) -> NDArray[np.float64]:
    """The uncalibrated score of each message."""
    return np.array([model.weights.score(examples.features(int(n))) for n in numbers])


def log_odds(examples: TrainingSet, numbers: Numbers, scoring: Scoring) -> NDArray[np.float64]:
    """What a scan would say of each message."""
    return np.array([scoring.log_odds(examples.features(int(n))) for n in numbers])


def calibrate(is_spam: NDArray[np.bool_], score: NDArray[np.float64]) -> Calibration:
    """Slope and intercept by logistic regression on scores of unseen messages (Platt).

    Targets are softened as Platt did, (N+ + 1)/(N+ + 2) and 1/(N- + 2): few messages, or none on
    the wrong side, must not make the model sure of itself.
    """
    spam, ham = int(is_spam.sum()), int((~is_spam).sum())
    if not spam or not ham:
        return Calibration()
    from sklearn.linear_model import LogisticRegression

    soft = np.where(is_spam, (spam + 1) / (spam + 2), 1 / (ham + 2))
    fitted = LogisticRegression(C=1e6, max_iter=1_000).fit(
        np.concatenate((score, score)).reshape(-1, 1),
        np.repeat([True, False], len(score)),
        sample_weight=np.concatenate((soft, 1 - soft)),
    )
    low, high = SLOPES
    slope = float(np.clip(fitted.coef_[0, 0], low, high))
    return Calibration(
        slope=round(slope, 6),
        intercept=round(TRUST * float(np.clip(fitted.intercept_[0], -20, 20)), 6),
    )


def trial(
    examples: TrainingSet,
    older: Numbers,
    newer: Numbers,
    settings: ClassifierSettings,
    shipped: Model | None,
    progress: Progress = lambda: None,
) -> Trial:
    """Fit on the older messages, calibrate on the newer ones, and say how they look then."""
    model = fit(examples, older, progress)
    found = calibrate(examples.is_spam[newer], scores(examples, newer, model))
    model = replace(model, slope=found.slope, intercept=found.intercept)
    return Trial(model, newer, log_odds(examples, newer, Scoring(settings, shipped, model)))


@dataclass(frozen=True, slots=True)
class Trained:
    """What `train` makes: the model to publish, and the honest one that vouches for it."""

    model: Fitted
    trial: Trial


def train(
    examples: TrainingSet,
    numbers: Numbers,
    settings: ClassifierSettings,
    shipped: Model | None,
    progress: Progress = lambda: None,
) -> Trained:
    """A model of all these messages, calibrated on the newest ones by a model that had not seen them."""
    older, newer = split_by_time(examples, numbers, HELD_OUT)
    tried = trial(examples, older, newer, settings, shipped, progress)
    model = fit(examples, numbers, progress)
    model = replace(model, slope=tried.model.slope, intercept=tried.model.intercept)
    return Trained(model, tried)


def fold_numbers(count: int, folds: int = FOLDS) -> Iterator[tuple[Numbers, Numbers]]:
    """(train, test) message numbers of each fold; the same for the same count."""
    place = np.random.default_rng(SEED).permutation(count) % folds
    for fold in range(folds):
        yield np.flatnonzero(place != fold), np.flatnonzero(place == fold)


def cross_validated(
    examples: TrainingSet,
    settings: ClassifierSettings,
    shipped: Model | None,
    progress: Progress = lambda: None,
) -> NDArray[np.float64]:
    """Log odds of every message by a model that never saw it, nor was calibrated on it."""
    raw = np.zeros(len(examples))
    models: list[tuple[Numbers, Fitted]] = []
    for train, test in fold_numbers(len(examples)):
        model = fit(examples, train, progress)
        raw[test] = scores(examples, test, model)
        models.append((test, model))
    found = np.zeros(len(examples))
    is_spam = examples.is_spam
    for test, model in models:
        others = np.setdiff1d(np.arange(len(examples)), test)
        calibration = calibrate(is_spam[others], raw[others])
        calibrated = replace(model, slope=calibration.slope, intercept=calibration.intercept)
        found[test] = log_odds(examples, test, Scoring(settings, shipped, calibrated))
    return found

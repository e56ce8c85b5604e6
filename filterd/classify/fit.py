"""fit - weights from a training set: shuffled passes of logistic regression, sources weighed evenly.

Owns:   `importance`, `fit_tables`, `fit_counts`, `scores`.
Not here: scikit-learn (calibration: classify.train), where messages come from (classify.corpus).
Deterministic: the same messages in the same order give the same arrays, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from filterd.classify.bayes import Counts
from filterd.classify.hashing import SLOT_BITS
from filterd.classify.linear import RATE, Tables
from filterd.classify.spill import TrainingSet

PASSES = 3  # rates 5, 5/2, 5/3; more gained nothing
EVENNESS = 0.5  # weight of a message = (size of its source and class) ^ -this, mean 1
SEED = 20_261

Numbers = NDArray[np.intp]
Progress = Callable[[], object]


def importance(examples: TrainingSet, numbers: Numbers) -> NDArray[np.float64]:
    """One weight for each of these messages, so that a source of 200 is heard beside one of 6,000.

    The largest single gain of the study (2b): 5.7 -> 2.8 % on commercial mail.
    """
    key = 2 * examples.source[numbers].astype(np.int64) + examples.is_spam[numbers]
    _, inverse, sizes = np.unique(key, return_inverse=True, return_counts=True)
    raw: NDArray[np.float64] = sizes[inverse].astype(np.float64) ** -EVENNESS
    return raw / raw.mean() if len(raw) else raw


def fit_tables(
    examples: TrainingSet,
    numbers: Numbers,
    views: Sequence[str],
    bits: int,
    *,
    passes: int = PASSES,
    progress: Progress = lambda: None,
) -> Tables:
    """Weights of each view after `passes` shuffled passes; `progress` hears of each message."""
    table = np.zeros((len(views), 1 << bits), dtype=np.float32)
    tables = Tables(views, table, (1.0,) * len(views), bits)
    weights = importance(examples, numbers)
    is_spam = examples.is_spam
    chance = np.random.default_rng(SEED)
    for turn in range(1, passes + 1):
        for index in chance.permutation(len(numbers)).tolist():
            number = int(numbers[index])
            tables.learn(
                examples.features(number),
                bool(is_spam[number]),
                rate=RATE / turn,
                weight=float(weights[index]),
                thickness=float("inf"),
            )
            progress()
    return tables


def fit_counts(examples: TrainingSet, numbers: Iterable[int], view: str) -> Counts:
    """Naive Bayes counts of these messages in order (the old fades)."""
    counts = Counts.empty(1 << SLOT_BITS)
    is_spam = examples.is_spam
    for number in numbers:
        features = examples.features(int(number))
        start, stop = features.run(view)
        counts.learn(features.slots[start:stop], bool(is_spam[number]))
    return counts

"""fit - weights from a training set: shuffled passes of logistic regression, averaged, sources weighed evenly.

Owns:   `importance`, `fit_tables`, `fit_counts`, `whole_passes`.
Not here: scikit-learn (calibration: classify.train), where messages come from (classify.corpus).
Deterministic: the same messages in the same order give the same arrays, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from filterd.classify.bayes import Counts
from filterd.classify.hashing import SLOT_BITS
from filterd.classify.linear import Tables
from filterd.classify.local import COUNTED, counted
from filterd.classify.spill import TrainingSet

# At one rate, with messages that are far enough on their side left alone: on the SpamAssassin corpus
# 0.043 -> 0.028 %, on commercial mail never seen 9.5 -> 8.9 % against three passes at falling rates.
PASSES = 10
LOOK_AT_ALL = 3  # every third pass; the others take those that needed a step the last time
# The weights are the mean of those after each later pass: which message came last matters less
# (structure on commercial mail never seen: 5.9-7.2 % by the order of messages, their mean 5.7).
SETTLED = 3
LARGE = 100_000  # messages, above which FEW_PASSES do
FEW_PASSES = 4
SEED = 20_261

Numbers = NDArray[np.intp]
Progress = Callable[[], object]


def importance(examples: TrainingSet, numbers: Numbers) -> NDArray[np.float64]:
    """One weight for each of these messages, so that small sources are heard (TrainingSet.evenness)."""
    key = 2 * examples.source[numbers].astype(np.int64) + examples.is_spam[numbers]
    _, inverse, sizes = np.unique(key, return_inverse=True, return_counts=True)
    raw: NDArray[np.float64] = sizes[inverse].astype(np.float64) ** -examples.evenness
    return raw / raw.mean() if len(raw) else raw


def fit_tables(
    examples: TrainingSet,
    numbers: Numbers,
    views: Sequence[str],
    bits: int,
    *,
    progress: Progress = lambda: None,
) -> Tables:
    """Weights of each view; `progress` hears of each message in each of `whole_passes`."""
    table = np.zeros((len(views), 1 << bits), dtype=np.float32)
    tables = Tables(tuple(views), table, (1.0,) * len(views), bits)
    weights = importance(examples, numbers)
    is_spam = examples.is_spam
    chance = np.random.default_rng(SEED)
    needed = np.ones(len(numbers), dtype=np.bool_)  # a step, when last looked at
    total = np.zeros_like(table)
    turns = _passes(len(numbers))
    for turn in range(turns):
        is_whole = turn % LOOK_AT_ALL == 0
        looked_at = np.ones_like(needed) if is_whole else needed
        for index in chance.permutation(np.flatnonzero(looked_at)).tolist():
            number = int(numbers[index])
            steps = tables.learn(
                examples.features(number), bool(is_spam[number]), weight=float(weights[index])
            )
            needed[index] = any(steps)
            if is_whole:
                progress()
        if turn >= SETTLED:
            total += table
    np.divide(total, turns - SETTLED, out=table)
    return tables


def _passes(count: int) -> int:
    return PASSES if count <= LARGE else FEW_PASSES


def whole_passes(count: int) -> int:
    """How often a fit of so many messages looks at all of them."""
    return len(range(0, _passes(count), LOOK_AT_ALL))


def fit_counts(examples: TrainingSet, numbers: Iterable[int]) -> Counts:
    """Naive Bayes counts of these messages in order (the old fades)."""
    counts = Counts.empty(COUNTED, 1 << SLOT_BITS)
    is_spam = examples.is_spam
    for number in numbers:
        features = examples.features(int(number))
        counts.learn(counted(features), bool(is_spam[number]))
    return counts

"""fit - weights from a training set: shuffled passes of logistic regression, corpora weighed evenly.

Owns:   Example, message weights, fit_tables, fit_counts.
Not here: scikit-learn (calibration and figures: classify.train), where messages come from.
Deterministic: the same examples in the same order give the same arrays, bit for bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterd.classify.bayes import Counts
from filterd.classify.hashing import SLOT_BITS
from filterd.classify.linear import RATE, Tables
from filterd.classify.spill import Spill

PASSES = 3  # rates 5, 5/2, 5/3; more gained nothing
EVENNESS = 0.5  # weight of a message = (size of its source and class) ^ -this, mean 1
SEED = 20_261


@dataclass(frozen=True, slots=True)
class Example:
    """A message of the training set: where its features are, its label, what it came with."""

    number: int  # in the spill
    is_spam: bool
    source: str


def weights(examples: Sequence[Example], evenness: float = EVENNESS) -> NDArray[np.float64]:
    """One weight a message, so that a source of 200 is heard beside one of 6,000.

    The largest single gain of the study (2b): 5.7 -> 2.8 % on commercial mail.
    """
    sizes = Counter((example.source, example.is_spam) for example in examples)
    raw = np.array([sizes[e.source, e.is_spam] ** -evenness for e in examples])
    return raw / raw.mean() if len(raw) else raw


def fit_tables(
    spill: Spill,
    examples: Sequence[Example],
    views: Sequence[str],
    bits: int,
    *,
    passes: int = PASSES,
    progress: Callable[[int], None] = lambda _: None,
) -> Tables:
    """Weights of each view after `passes` shuffled passes; `progress` hears of each message."""
    table = np.zeros((len(views), 1 << bits), dtype=np.float32)
    tables = Tables(views, table, (1.0,) * len(views), bits)
    importance = weights(examples)
    chance = np.random.default_rng(SEED)
    for turn in range(1, passes + 1):
        for index in chance.permutation(len(examples)).tolist():
            example = examples[index]
            tables.learn(
                spill[example.number],
                example.is_spam,
                rate=RATE / turn,
                weight=float(importance[index]),
                thickness=float("inf"),
            )
            progress(1)
    return tables


def fit_counts(spill: Spill, examples: Sequence[Example], groups: Sequence[str]) -> Counts:
    """Naive Bayes counts of the examples in order (the old fades)."""
    counts = Counts.empty(1 << SLOT_BITS)
    for example in examples:
        features = spill[example.number]
        for name in groups:
            counts.learn(features.groups[name].slots, example.is_spam)
    return counts

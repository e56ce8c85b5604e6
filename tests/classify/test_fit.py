"""Fitting: deterministic, and a small source is heard."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.features import LOCAL_VIEWS
from filterd.classify.fit import fit_counts, fit_tables, importance, whole_passes
from filterd.classify.linear import votes
from filterd.classify.spill import EVENNESS
from tests.classify.mailbox import training_set


def test_small_sources_weigh_more_and_the_mean_is_one() -> None:
    with training_set(spam=100, ham=0) as examples:
        weights = importance(examples, np.arange(100))
        small, large = weights[0], weights[1]
        assert weights.mean() == pytest.approx(1)
        assert small / large == pytest.approx((90 / 10) ** EVENNESS)


def test_the_same_set_gives_the_same_weights() -> None:
    with training_set(20, 20) as examples:
        numbers = np.arange(len(examples))
        first = fit_tables(examples, numbers, LOCAL_VIEWS, 18)
        second = fit_tables(examples, numbers, LOCAL_VIEWS, 18)
        assert np.array_equal(first.weights, second.weights)


def test_what_is_fitted_tells_the_classes_apart_and_progress_is_heard() -> None:
    heard: list[int] = []
    with training_set(40, 40) as examples:
        numbers = np.arange(len(examples))
        tables = fit_tables(
            examples, numbers, LOCAL_VIEWS, 18, progress=lambda: heard.append(1)
        )
        scores = np.array(
            [
                tables.score(examples.features(n), votes(LOCAL_VIEWS))
                for n in range(len(examples))
            ]
        )
        assert scores[examples.is_spam].min() > scores[~examples.is_spam].max()
    assert len(heard) == whole_passes(80) * 80


def test_counts_are_of_the_given_messages_only() -> None:
    with training_set(5, 5) as examples:
        counts = fit_counts(examples, [0, 1, 5])
        assert counts.totals.tolist() == [2.0, 1.0]

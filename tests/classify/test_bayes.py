"""Naive Bayes over message counts: smoothing, ageing, taking back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from filterd.classify.bayes import HAM, MAX_MESSAGES, SMOOTHING, SPAM, Counts

ONE, TWO = np.array([3]), np.array([5])


def test_a_share_is_the_log_ratio_of_smoothed_rates() -> None:
    counts = Counts.empty(1, 8)
    counts.learn([ONE], True)
    counts.learn([ONE], True)
    counts.learn([TWO], False)
    s = SMOOTHING
    expected = math.log((2 + s) / (2 + 2 * s)) - math.log((0 + s) / (1 + 2 * s))
    assert counts.shares(0, ONE)[0] == pytest.approx(expected, rel=1e-5)


def test_nothing_is_said_while_a_class_is_empty() -> None:
    counts = Counts.empty(1, 8)
    counts.learn([ONE], True)
    assert counts.shares(0, ONE).tolist() == [0.0]


def test_forgetting_takes_back_what_learning_did() -> None:
    counts = Counts.empty(1, 8)
    counts.learn([ONE], False)
    before = counts.table.copy(), counts.totals.copy()
    counts.learn([np.array([1, 3])], True)
    counts.forget([np.array([1, 3])], True)
    assert (counts.table == before[0]).all()
    assert (counts.totals == before[1]).all()


def test_forgetting_never_goes_below_nothing() -> None:
    counts = Counts.empty(1, 8)
    counts.forget([ONE], True)
    assert counts.table.max() == 0
    assert counts.totals.tolist() == [0.0, 0.0]


def test_a_full_class_is_halved_so_that_the_old_fades() -> None:
    counts = Counts.empty(1, 8)
    for _ in range(MAX_MESSAGES + 1):
        counts.learn([ONE], True)
    assert counts.totals[SPAM] == (MAX_MESSAGES + 1) / 2
    assert counts.table[0, SPAM, 3] == (MAX_MESSAGES + 1) // 2
    assert counts.totals[HAM] == 0


def test_familiar_is_what_any_counted_message_held() -> None:
    counts = Counts.empty(2, 8)
    counts.learn([TWO, ONE], True)
    counts.learn([TWO, np.array([4])], False)
    assert counts.familiarity(1, np.array([1, 2, 3, 4])) == 0.5
    assert counts.familiarity(0, np.array([5])) == 1.0
    assert counts.familiarity(0, np.zeros(0, dtype=np.intp)) == 0.0

"""Figures against labels, checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.metrics import (
    calibration_error,
    figures,
    fn_at_fp,
    fp_at_fn,
    one_minus_auc,
)

Y = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
S = np.array([4.0, 3.0, 2.0, -1.0, 2.5, -2.0, -3.0, -4.0])


def test_one_minus_auc_counts_pairs_the_wrong_way_round() -> None:
    assert one_minus_auc(Y, S) == pytest.approx(2 / 16)


def test_a_tie_is_half_wrong() -> None:
    assert one_minus_auc(np.array([True, False]), np.array([1.0, 1.0])) == 0.5


def test_rates_at_thresholds() -> None:
    assert fn_at_fp(Y, S, 0.0) == 0.5  # above 2.5: two of four
    assert fn_at_fp(Y, S, 0.25) == 0.0
    assert fp_at_fn(Y, S, 0.0) == 0.25
    assert fp_at_fn(Y, S, 0.25) == 0.25
    assert fp_at_fn(Y, S, 0.5) == 0.0


def test_misclassified_is_by_one_half() -> None:
    found = figures(Y, S)
    assert found.misclassified_spam_percent == 25.0
    assert found.misclassified_ham_percent == 25.0
    assert (found.messages, found.spam, found.ham) == (8, 4, 4)


def test_the_keys_that_are_printed() -> None:
    assert list(figures(Y, S, 10.0).plain()) == [
        "messages",
        "spam",
        "ham",
        "one_minus_auc_percent",
        "fp_at_fn_1_percent",
        "fn_at_fp_0_1_percent",
        "misclassified_spam_percent",
        "misclassified_ham_percent",
        "calibration_error",
        "messages_per_second",
    ]


@pytest.mark.parametrize("labels", [[], [True], [False, False]], ids=["none", "spam", "ham"])
def test_one_class_only_has_no_ranking(labels: list[bool]) -> None:
    found = figures(labels, [1.0] * len(labels))
    assert found.one_minus_auc_percent is None


def test_a_coin_that_says_so_is_calibrated() -> None:
    truth = np.array([True, False] * 500)
    assert calibration_error(truth, np.zeros(1000)) == 0.0
    assert calibration_error(truth, np.full(1000, 50.0)) == pytest.approx(0.5)

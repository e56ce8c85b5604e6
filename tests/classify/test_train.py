"""Training: honest figures on newer mail, calibration that does not overreach."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.settings import ClassifierSettings
from filterd.classify.train import (
    calibrate,
    cross_validated,
    fold_numbers,
    split_by_time,
    train,
)
from tests.classify.mailbox import training_set

SETTINGS = ClassifierSettings()


def test_the_newest_of_each_source_and_class_is_held_out() -> None:
    with training_set(50, 100) as examples:
        older, newer = split_by_time(examples, np.arange(150), 0.2)
        assert len(newer) == 30
        assert sorted([*older, *newer]) == list(range(150))
        key = 2 * examples.source + examples.is_spam
        for value in set(key.tolist()):
            assert (
                examples.at[older[key[older] == value]].max()
                < examples.at[newer[key[newer] == value]].min()
            )


def test_calibration_finds_the_truth() -> None:
    chance = np.random.default_rng(3)
    score = chance.normal(scale=6, size=4000)
    odds = 0.5 * score
    truth = chance.random(4000) < 1 / (1 + np.exp(-odds))
    found = calibrate(truth, score)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.intercept == pytest.approx(0.0, abs=0.1)


def test_a_perfect_slice_does_not_make_the_model_endlessly_sure() -> None:
    score = np.array([-9.0] * 20 + [9.0] * 20)
    found = calibrate(score > 0, score)
    assert 0.1 <= found.slope <= 2.0
    assert 9 * found.slope + found.intercept < 5  # 20 right ones do not prove 99.9 %


@pytest.mark.parametrize("truth", [[], [True, True], [False]], ids=["none", "spam", "ham"])
def test_one_class_gives_the_default(truth: list[bool]) -> None:
    assert calibrate(np.array(truth, dtype=bool), np.ones(len(truth))).slope == 0.4


def test_folds_are_a_partition_and_always_the_same() -> None:
    tests = [test.tolist() for _, test in fold_numbers(23)]
    assert sorted(n for test in tests for n in test) == list(range(23))
    assert tests == [test.tolist() for _, test in fold_numbers(23)]


def test_the_published_model_knows_everything_the_honest_one_does_not() -> None:
    with training_set(30, 30) as examples:
        trained = train(examples, np.arange(60), SETTINGS, None)
        assert (trained.model.spam, trained.model.ham) == (30, 30)
        assert trained.trial.model.spam < 30
        assert trained.model.slope == trained.trial.model.slope
        assert len(trained.trial.log_odds) == len(trained.trial.numbers) == 10


def test_cross_validation_judges_every_message() -> None:
    with training_set(25, 25) as examples:
        odds = cross_validated(examples, SETTINGS, None)
        assert odds[examples.is_spam].min() > odds[~examples.is_spam].max()

"""Scores from labelled mail."""

from __future__ import annotations

import random
import tomllib

import pytest

from filterd.ruleset.fit import MOST, Case, as_toml, fit

CURRENT = {"GOOD_SIGN": -1.0, "SPAM_SIGN": 1.0, "NOISE": 2.0, "TURNED": 1.5, "RARE": 1.0}
TAG = 6.0


def cases() -> list[Case]:
    chance = random.Random(1)
    made = []
    for number in range(400):
        is_spam = number % 2 == 0
        weights = {}
        for name, in_spam, in_ham in (
            ("SPAM_SIGN", 0.9, 0.02), ("GOOD_SIGN", 0.05, 0.7), ("NOISE", 0.3, 0.3), ("TURNED", 0.05, 0.5),
        ):  # fmt: skip
            if chance.random() < (in_spam if is_spam else in_ham):
                weights[name] = 1.0
        made.append(Case(weights, is_spam))
    made[0] = Case({"RARE": 1.0}, True)
    return made


def test_what_tells_spam_gains_and_what_does_not_loses() -> None:
    found = fit(cases(), CURRENT, TAG)
    assert 1.0 < found.scores["SPAM_SIGN"] <= MOST * TAG
    assert abs(found.scores["NOISE"]) < 1.0
    assert 0.0 <= found.scores["TURNED"] < 0.5  # hits ham, and may not turn into a good sign
    assert found.scores.get("GOOD_SIGN", -1.0) < 0
    assert "RARE" not in found.scores
    assert found.after.false_positives <= found.before.false_positives


def test_the_same_mail_gives_the_same_scores() -> None:
    assert fit(cases(), CURRENT, TAG) == fit(cases(), CURRENT, TAG)


@pytest.mark.parametrize("count", [0, 4])
def test_too_little_mail_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="at least 5"):
        fit([Case({"A": 1.0}, True)] * count + [Case({}, False)] * 20, {"A": 1.0}, TAG)


def test_mail_that_hits_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no scored symbol"):
        fit([Case({}, n % 2 == 0) for n in range(20)], CURRENT, TAG)


def test_the_proposal_is_a_file_for_admins() -> None:
    assert tomllib.loads(as_toml({"B": 1.25, "A": -0.5})) == {
        "symbol": {"A": {"score": -0.5}, "B": {"score": 1.25}}
    }

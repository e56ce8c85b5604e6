"""Linear scores of views, and steps of logistic regression that can be taken back."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.features import LOCAL_VIEWS, Features, extract
from filterd.classify.linear import Tables, sigmoid, votes
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail

EVEN = votes(LOCAL_VIEWS, 0.5)


def some(number: int = 1, *, is_spam: bool = True) -> Features:
    return extract(Message.from_bytes(a_mail(number, is_spam=is_spam)))


@pytest.fixture
def tables() -> Tables:
    weights = np.zeros((len(LOCAL_VIEWS), 1 << 18), dtype=np.float32)
    return Tables(LOCAL_VIEWS, weights, (1.0,) * len(LOCAL_VIEWS), 18)


def test_sigmoid_of_anything() -> None:
    assert sigmoid(0) == 0.5
    assert sigmoid(-1e9) == 0.0
    assert sigmoid(1e9) == 1.0


def test_an_untaught_table_says_nothing(tables: Tables) -> None:
    assert tables.score(some(), EVEN) == 0.0


def test_learning_moves_the_score_to_the_label(tables: Tables) -> None:
    tables.learn(some(1), True)
    assert tables.score(some(1), EVEN) > 1
    tables.learn(some(1, is_spam=False), False)
    assert tables.score(some(1, is_spam=False), EVEN) < 0
    for number in range(2, 6):
        tables.learn(some(number), True)
        tables.learn(some(number, is_spam=False), False)
    assert tables.score(some(9), EVEN) > 0 > tables.score(some(9, is_spam=False), EVEN)


def test_no_step_for_what_is_far_on_its_side(tables: Tables) -> None:
    while min(tables.scores(some())) < 4:
        tables.learn(some(), True)
    before = tables.weights.copy()
    assert tables.learn(some(), True) == (0.0,) * len(LOCAL_VIEWS)
    assert (tables.weights == before).all()


def test_a_step_is_taken_back_exactly(tables: Tables) -> None:
    tables.learn(some(1), True)
    before = tables.weights.copy()
    steps = tables.learn(some(2, is_spam=False), False)
    tables.move(some(2, is_spam=False), steps, sign=-1)
    assert np.allclose(tables.weights, before, atol=1e-6)


def test_shares_sum_to_the_score(tables: Tables) -> None:
    for number in range(5):
        tables.learn(some(number), True)
        tables.learn(some(number, is_spam=False), False)
    features = some(9)
    shares = np.zeros(len(features.slots), dtype=np.float32)
    tables.add_shares(features, 2.0, shares, EVEN)
    assert float(shares.sum()) == pytest.approx(2 * tables.score(features, EVEN), abs=1e-4)


def test_an_empty_message_scores_nothing_and_teaches_nothing(tables: Tables) -> None:
    nothing = Features(np.zeros(0, dtype=np.intp), (0,) * 8)
    assert tables.score(nothing, EVEN) == 0.0
    tables.learn(nothing, True)
    assert not tables.weights.any()


@pytest.mark.parametrize("known", [0.0, 0.3, 1.0])
def test_votes_sum_to_one(known: float) -> None:
    assert sum(votes(LOCAL_VIEWS, known)) == pytest.approx(1)
    assert sum(votes(["shape", "order"], known)) == pytest.approx(1)

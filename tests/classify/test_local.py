"""Local weights: the views and naive Bayes speak as one."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.features import extract
from filterd.classify.linear import votes
from filterd.classify.live import LiveModel
from filterd.classify.local import counted
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail


def test_shares_sum_to_the_score_with_bayes_in_it() -> None:
    weights = LiveModel.in_memory().weights
    for number in range(6):
        for is_spam in (True, False):
            weights.learn(extract(Message.from_bytes(a_mail(number, is_spam=is_spam))), is_spam)
    features = extract(Message.from_bytes(a_mail(77, is_spam=True)))
    shares = np.zeros(len(features.slots), dtype=np.float32)
    weights.add_shares(features, 1.0, shares)
    score = weights.score(features)
    assert float(shares.sum()) == pytest.approx(score, abs=1e-4)
    views = weights.tables.views
    assert score not in {weights.tables.score(features, votes(views, k)) for k in (0.0, 1.0)}


def test_forgetting_takes_tables_and_counts_back() -> None:
    weights = LiveModel.in_memory().weights
    weights.learn(extract(Message.from_bytes(a_mail(1, is_spam=False))), False)
    before = weights.tables.weights.copy(), weights.counts.table.copy()
    features = extract(Message.from_bytes(a_mail(1, is_spam=True)))
    weights.forget(features, weights.learn(features, True))
    assert np.allclose(weights.tables.weights, before[0], atol=1e-6)
    assert (weights.counts.table == before[1]).all()


def test_structure_decides_on_new_mail_and_words_on_known() -> None:
    """`shape` alone has a great vote while no field token was met, and a small one when all were."""
    features = extract(Message.from_bytes(a_mail(3, is_spam=True)))
    start, stop = features.run("shape")

    def voice(*, is_known: bool) -> float:
        """What the view adds to the score when all of its weights are 1, beside naive Bayes."""
        weights = LiveModel.in_memory().weights
        if is_known:
            weights.counts.learn(counted(features), True)
            weights.counts.learn(counted(extract(Message.from_bytes(b"A: b\n\nc\n"))), False)
        before = weights.score(features)
        row = weights.tables.views.index("shape")
        weights.tables.weights[row][features.slots[start:stop] >> 2] = 1.0
        return weights.score(features) - before

    assert voice(is_known=False) > 2 * voice(is_known=True) > 0

"""Local weights: the views and naive Bayes speak as one."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.features import extract
from filterd.classify.live import LiveModel
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
    assert score - weights.tables.score(features) != 0  # Bayes had a say


def test_forgetting_takes_tables_and_counts_back() -> None:
    weights = LiveModel.in_memory().weights
    weights.learn(extract(Message.from_bytes(a_mail(1, is_spam=False))), False)
    before = weights.tables.weights.copy(), weights.counts.table.copy()
    features = extract(Message.from_bytes(a_mail(1, is_spam=True)))
    weights.forget(features, weights.learn(features, True))
    assert np.allclose(weights.tables.weights, before[0], atol=1e-6)
    assert (weights.counts.table == before[1]).all()

"""The classifier's opinion as evidence."""

from __future__ import annotations

import pytest

from filterd.checks.classifier import CHECK
from filterd.core.check import Opinion
from filterd.core.evidence import Hit
from filterd.core.transaction import Transaction
from filterd.mail.message import Message
from tests.support.builders import a_transaction, evidence


class Saying:
    """A classifier with one answer."""

    def __init__(self, opinion: Opinion | None) -> None:
        self.opinion = opinion

    def classify(self, message: Message, tx: Transaction) -> Opinion | None:
        return self.opinion


@pytest.mark.parametrize(
    ("points", "symbol"), [(3.2, "CLASSIFIER_SPAM"), (-2.5, "CLASSIFIER_HAM")]
)
def test_the_opinion_is_one_hit_with_its_tokens(points: float, symbol: str) -> None:
    tokens = (("word prize", points - 0.2), ("all others", 0.2))
    opinion = Opinion(0.9, points, tokens, detail="0.9000 no local labels")
    assert evidence(CHECK, a_transaction(), classifier=Saying(opinion)) == [
        Hit(symbol, detail="0.9000 no local labels", weight=points, parts=tokens)
    ]


def test_no_model_says_nothing() -> None:
    assert evidence(CHECK, a_transaction(), classifier=Saying(None)) == []
    assert evidence(CHECK, a_transaction()) == []

"""classifier - what the statistical classifier thinks of the message.

Owns:   CLASSIFIER_SPAM, CLASSIFIER_HAM: their weight is points, token by token.
Asks:   nothing of the DNS; services.classifier (classify layer).
Not here: weights, learning and caps (filterd.classify). Scores are 1 point for weight 1 (rules/00-classifier.toml).
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction


def run(tx: Transaction, settings: CheckSettings, services: Services) -> Iterable[Evidence]:
    """One hit, for or against; nothing without a usable model."""
    if services.classifier is None:
        return
    opinion = services.classifier.classify(tx.message, tx)
    if opinion is None:
        return
    symbol = "CLASSIFIER_SPAM" if opinion.points >= 0 else "CLASSIFIER_HAM"
    yield Hit(symbol, detail=opinion.detail, weight=opinion.points, parts=opinion.tokens)


CHECK = Check(
    name="classifier",
    stage=Stage.EOM,
    run=run,
    symbols=("CLASSIFIER_SPAM", "CLASSIFIER_HAM"),
)

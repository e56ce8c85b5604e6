"""composite - rules over what all other checks found: symbols, results, sizes, scores.

Owns:   nothing but the call. Runs last, so that everything it may refer to is there.
Asks:   nothing of the DNS.
Not here: pattern rules (checks.rule), the language (ruleset.composite).
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction


class Settings(CheckSettings):
    """Whether composites and the actions of rules are evaluated."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Hits of composites, and the actions that rules ask for."""
    if services.rules is None:
        return ()
    return services.rules.compose(tx, services.points(tx.evidence))


CHECK = Check(name="composite", stage=Stage.EOM, settings=Settings, run=run)

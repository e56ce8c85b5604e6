"""rule - the pattern and list rules of the rule files, run over the finished message.

Owns:   nothing but the call: which symbols there are, and what they look at, stand in rules/*.toml.
Asks:   nothing of the DNS.
Not here: composites (checks.composite), the language and its engine (ruleset).
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction


class Settings(CheckSettings):
    """Whether pattern and list rules run; the rules themselves are set under [rules]."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Hits of pattern and list rules."""
    if services.rules is None:
        return ()
    return services.rules.match(tx)


CHECK = Check(
    name="rule",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    after=("spf", "dkim", "arc"),  # imported rules ask for their results
)

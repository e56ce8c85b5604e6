"""The check that evaluates composites: over evidence and points so far."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from filterd.checks import composite
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import Evidence, Hit
from filterd.ruleset import RuleSettings, load
from tests.support.builders import a_transaction, evidence, no_dns


def points_of(total: float, _: Iterable[Evidence]) -> dict[str, float]:
    return {"": total}


def test_composites_see_the_points_so_far(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        "[symbol.SOME]\nscore=1\n[rule.BIG]\nwhen='SOME and score > 4'\n"
    )
    rules = load(RuleSettings(shipped=False, directory=tmp_path))
    tx = a_transaction(evidence=[Hit("SOME")])
    for total, expected in ((5.0, [Hit("BIG", "SOME")]), (3.0, [])):
        services = Services(
            ask=no_dns, clock=FixedClock(), rules=rules, points=partial(points_of, total)
        )
        assert evidence(composite.CHECK, tx, services=services) == expected


def test_without_a_rule_set_there_is_nothing_to_say() -> None:
    assert evidence(composite.CHECK, a_transaction()) == []

"""The check that runs pattern rules."""

from __future__ import annotations

from pathlib import Path

from filterd.checks import rule
from filterd.core.evidence import Hit
from filterd.ruleset import RuleSettings, load
from tests.support.builders import a_transaction, evidence


def test_hits_of_the_rule_set_are_evidence(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[rule.A]\nwhere='subject'\nmatch='hel+o'\n")
    rules = load(RuleSettings(shipped=False, directory=tmp_path))
    assert evidence(rule.CHECK, a_transaction(), rules=rules) == [Hit("A", "hello")]


def test_without_a_rule_set_there_is_nothing_to_say() -> None:
    assert evidence(rule.CHECK, a_transaction()) == []

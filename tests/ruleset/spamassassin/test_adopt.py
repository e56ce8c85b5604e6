"""Imported rules in the rule set: scores, names that are ours, what an admin says, reload, lint."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.core.errors import ConfigError
from filterd.ruleset import RuleSet, RuleSettings, differences, load
from filterd.ruleset.lint import Level, lint
from tests.support.builders import a_transaction

CF = (
    "body WORD /rhubarb/i\nscore WORD 1.2 3 3 3\ndescribe WORD It says rhubarb.\n"
    "body __PART /custard/\nmeta BOTH WORD && __PART\nscore BOTH 2\nreport_safe 1\nodd thing\n"
)


def loaded(folder: Path, cf: str = CF, toml: str = "", **settings: object) -> RuleSet:
    (folder / "sa").mkdir(exist_ok=True)
    (folder / "sa" / "my.cf").write_text(cf)
    (folder / "my.toml").write_text(toml)
    return load(
        RuleSettings.model_validate(
            {"shipped": False, "directory": folder, "spamassassin": [folder / "sa"], **settings}
        )
    )


def names(rules: RuleSet, body: str) -> list[str]:
    return [hit.symbol for hit in rules.match(a_transaction(message=f"Subject: s\n\n{body}\n"))]


def test_imported_rules_hit_and_count(tmp_path: Path) -> None:
    rules = loaded(tmp_path, spamassassin_scale=0.5)
    assert names(rules, "rhubarb and custard") == ["WORD", "BOTH"]
    assert rules.scores["WORD"].points == 0.6  # the first of four: no network, no Bayes
    assert rules.scores["WORD"].describe == "It says rhubarb."
    assert "3 of 3 SpamAssassin rules" in rules.summary


def test_an_admin_s_file_wins(tmp_path: Path) -> None:
    rules = loaded(
        tmp_path, toml='[symbol.WORD]\nscore = 0.1\n[rule.BOTH]\nwhere="body"\nmatch="zzz"\n'
    )
    assert rules.scores["WORD"].points == 0.1
    assert rules.scores["WORD"].describe == "It says rhubarb."
    assert names(rules, "rhubarb and custard") == ["WORD"]


def test_our_own_composites_build_on_them(tmp_path: Path) -> None:
    rules = loaded(tmp_path, toml='[rule.MINE]\nwhen = "WORD and not BOTH"\nscore = 1.0\n')
    tx = a_transaction(message="Subject: s\n\nrhubarb\n")
    tx.evidence += rules.match(tx)
    assert [hit.symbol for hit in rules.compose(tx, {})] == ["MINE"]  # type: ignore[union-attr]


def test_lint_names_file_and_line_of_what_is_left_out(tmp_path: Path) -> None:
    rules = loaded(tmp_path)
    found = [f for f in lint(rules, ()) if f.file.endswith("my.cf")]
    assert [(f.level, f.where, f.message) for f in found] == [
        (Level.NOTE, "7:1", "report_safe: has no meaning here"),
        (Level.WARNING, "8:1", "odd: this setting is not known here"),
    ]


def test_a_change_is_noticed_and_said(tmp_path: Path) -> None:
    before = loaded(tmp_path)
    settings = RuleSettings.model_validate(
        {"shipped": False, "directory": tmp_path, "spamassassin": [tmp_path / "sa"]}
    )
    assert not before.has_changed(settings)
    after = loaded(
        tmp_path, CF.replace("score BOTH 2", "score BOTH 2.5").replace("rhubarb/", "r/")
    )
    assert before.has_changed(settings)
    assert str(differences(before, after)) == "2 changed: BOTH 2 -> 2.5, WORD"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        loaded(tmp_path, spamassassin=[tmp_path / "nowhere"])

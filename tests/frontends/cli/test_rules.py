"""`filterd rules`: lint, test, list, show, as an admin runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filterd.app import App
from filterd.frontends.cli.main import run

MINE = """\
[rule.MY_OFFER]
where = "subject"
match = '(?i)special offer'
score = 1.5
describe = "The subject has a special offer."
hit = ["A Special Offer"]
miss = ["offer"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "rules.d"
    found.mkdir()
    (found / "mine.toml").write_text(MINE)
    return found


def filterd(folder: Path, *arguments: str) -> int:
    return run(App, ["--set", f"rules.directory={folder}", *arguments])


def test_lint_is_content_with_the_shipped_rules(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filterd(folder, "rules", "lint", "--strict") == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.endswith("0 errors, 0 warnings\n")


def test_lint_reports_file_line_and_column(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.toml").write_text(MINE.replace("score", "scor"))
    assert filterd(folder, "rules", "lint") == 1
    assert capsys.readouterr().out == (
        f'{folder}/mine.toml:4:8: error: "scor" is not known here; did you mean "score"?\n'
    )


def test_lint_strict_minds_warnings(folder: Path) -> None:
    (folder / "mine.toml").write_text(MINE.replace("miss", "#miss"))
    assert filterd(folder, "rules", "lint") == 0
    assert filterd(folder, "rules", "lint", "--strict") == 1


def test_lint_of_another_folder(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.toml").write_text("nonsense")
    assert filterd(folder, "rules", "lint", str(other)) == 1


def test_lint_shows_stage_and_cost(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd(folder, "rules", "lint", "-v") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["MY_OFFER", "pattern", "header", "word"] in lines
    assert filterd(folder, "rules", "lint", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True
    assert next(row for row in answer["rules"] if row["name"] == "MY_OFFER")["cost"] == "word"


def test_examples_are_tried(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd(folder, "rules", "test", "MY_OFFER") == 0
    assert capsys.readouterr().err == "1 rules, 2 examples, 0 fail\n"
    (folder / "mine.toml").write_text(MINE.replace('miss = ["', 'miss = ["special '))
    assert filterd(folder, "rules", "test") == 1
    assert capsys.readouterr().out == (
        f"{folder}/mine.toml:7:9: MY_OFFER: hits its own miss example 'special offer'\n"
    )
    assert filterd(folder, "rules", "test", "NO_SUCH") == 2


def test_list_says_where_a_score_comes_from(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "scores.toml").write_text("[symbol.MY_OFFER]\nscore = 0.5\n")
    assert filterd(folder, "rules", "list", "MY_*", "--origin") == 0
    line = capsys.readouterr().out
    assert line.split() == [
        "MY_OFFER", "0.5", "pattern", f"{folder}/scores.toml:1", "<", f"{folder}/mine.toml:1",
    ]  # fmt: skip
    assert filterd(folder, "rules", "list", "NOTHING*") == 1


def test_show_says_what_a_rule_looks_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filterd(folder, "rules", "show", "MY_OFFER", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["match"] == ["(?i)special offer"]
    assert shown["stage"] == "header"
    assert filterd(folder, "rules", "show", "MY_OFER") == 1
    assert 'did you mean "MY_OFFER"?' in capsys.readouterr().err

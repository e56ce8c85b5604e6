"""`filterd rules stats|replay|fit`, as an admin runs them."""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filterd.app import App
from filterd.core.clock import SystemClock
from filterd.core.history import VerdictRecord
from filterd.core.verdict import Action, ScoredHit
from filterd.frontends.cli.main import run

RULES = """\
[rule.MY_WORD]
where = "body"
match = "rhubarb"
score = {score}
describe = "It says rhubarb."
hit = ["rhubarb"]
miss = ["custard"]
"""
NOW = SystemClock().now() - 60
RECORDS = (
    VerdictRecord(
        "W1", NOW, Action.ACCEPT, 4.0, queue_id="4Q1", sender="ann@a.example",
        thresholds=(("tag", 6.0), ("reject", 15.0)), hits=(ScoredHit("MY_WORD", 4.0),),
    ),
    VerdictRecord(
        "W2", NOW, Action.TAG, 7.0, decisive="score 7.00 >= tag 6",
        thresholds=(("tag", 6.0), ("reject", 15.0)), hits=(ScoredHit("OTHER", 7.0),),
    ),
)  # fmt: skip


class Remembering(App):
    """The real program, with a history of its own."""

    @contextlib.contextmanager
    def open_history(self, settings: Any) -> Iterator[Any]:
        yield self

    def replay(self, since: float) -> Iterator[VerdictRecord]:
        return (record for record in RECORDS if record.at >= since)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, score in (("now", 4.0), ("next", 9.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.toml").write_text(RULES.format(score=score))
    for kind, word in (("spam", "rhubarb"), ("ham", "custard")):
        (tmp_path / kind).mkdir()
        for number in range(6):
            text = f"From: a@b.example\nSubject: s{number}\n\n{word} for you\n"
            (tmp_path / kind / f"{number}.eml").write_text(text)
    return tmp_path


def filterd(folder: Path, *arguments: str) -> int:
    settings = [
        f"rules.directory={folder / 'now'}",
        "rules.shipped=false",
        "classifier.enabled=false",
    ]
    return run(Remembering, [*(w for s in settings for w in ("--set", s)), "rules", *arguments])


def test_stats_count_hits_and_name_what_never_hit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filterd(folder, "stats", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["spam"], found["ham"]) == (1, 1)
    row = {row["name"]: row for row in found["symbols"]}["MY_WORD"]
    assert (row["hits"], row["ham_percent"], row["spam_percent"]) == (1, 100.0, 0.0)
    assert filterd(folder, "stats", "--since", "1s") == 1
    assert "MY_WORD" in capsys.readouterr().out


def test_replay_of_records_lists_who_would_fare_otherwise(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filterd(folder, "replay", "--rules", str(folder / "next")) == 1
    output = capsys.readouterr()
    assert output.out == (
        "tagged     accept -> tag (4.00 -> 9.00)  4Q1 ann@a.example  score 9.00 >= tag 6\n"
    )
    assert "0 rejected, 1 tagged, 0 released, 0 other" in output.err


def test_replay_of_messages_sees_new_rules(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "next" / "new.toml").write_text(
        '[rule.NEW]\nwhere = "subject"\nmatch = "s3"\naction = "reject"\n'
    )
    arguments = ("replay", "--rules", str(folder / "next"), "--json", str(folder / "ham"))
    assert filterd(folder, *arguments) == 1
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["change"], row["before"], row["after"]) == ("rejected", "accept", "reject")
    assert row["because"] == "NEW"


def test_replay_says_which_rules_records_cannot_tell(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = RULES.format(score=4.0).replace('"rhubarb"', '"rhubarb|pears"', 1)
    (folder / "next" / "mine.toml").write_text(text)
    filterd(folder, "replay", "--rules", str(folder / "next"))
    assert "records cannot tell whether these hit: MY_WORD" in capsys.readouterr().err


def test_fit_proposes_and_writes_only_when_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = ("--spam", str(folder / "spam"), "--ham", str(folder / "ham"))
    before = sorted(folder.rglob("*.toml"))
    assert filterd(folder, "fit", *mail, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["messages"] == 12
    assert found["after"]["false_positives"] == 0
    assert sorted(folder.rglob("*.toml")) == before
    target = folder / "now" / "90-fitted.toml"
    assert filterd(folder, "fit", *mail, "--write", str(target)) == 0
    assert set(tomllib.loads(target.read_text()).get("symbol", {})) == set(found["scores"])


def test_fit_needs_enough_mail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = str(folder / "spam" / "0.eml")
    assert filterd(folder, "fit", "--spam", one, "--ham", str(folder / "ham")) == 1
    assert "at least 5 messages of each kind" in capsys.readouterr().err

"""Recorded verdicts judged anew: what rules that changed would do to the same mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.core.evidence import AuthResult
from filterd.core.history import VerdictRecord
from filterd.core.verdict import Action, ScoredHit
from filterd.ruleset import RuleSet, RuleSettings, load
from filterd.scan.replay import needs_messages, rejudge

OLD = """
[symbol.CHECKED]
score = 2.0
[symbol.SILENT]
score = 3.0
mode = "shadow"
[rule.WORD]
where = "body"
match = "rhubarb"
score = 4.0
"""


def rules(folder: Path, text: str) -> RuleSet:
    folder.mkdir(exist_ok=True)
    (folder / "a.toml").write_text(text)
    return load(RuleSettings(shipped=False, directory=folder))


def record(action: Action = Action.TAG, score: float = 6.0, **more: object) -> VerdictRecord:
    hits = (
        ScoredHit("CHECKED", 2.0),
        ScoredHit("WORD", 4.0),
        ScoredHit("SILENT", 0.0, shadow=True),
    )
    facts = {"hits": hits, "decisive": "score 6.00 >= tag 6", **more}
    return VerdictRecord(
        "W", 0.0, action, score, thresholds=(("tag", 6.0), ("reject", 15.0)), **facts  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "action", "score"),
    [
        (("score = 2.0", "score = 1.0"), Action.ACCEPT, 5.0),
        (("score = 4.0", "score = 13.0"), Action.REJECT, 15.0),
        (("[rule.WORD]", "[rule.WORD]\nenabled = false"), Action.ACCEPT, 2.0),
        (('mode = "shadow"', ""), None, 9.0),
        (("", '[rule.MORE]\nwhen = "WORD and CHECKED"\nscore = 9.0\n'), Action.REJECT, 15.0),
        (("", '[rule.MORE]\nwhen = "dkim == \\"fail\\""\nscore = 9.0\n'), Action.REJECT, 15.0),
        (("", '[rule.NO]\nwhen = "WORD"\naction = "reject"\n'), Action.REJECT, 6.0),
        (("", ""), None, 6.0),
    ],
    ids=["less", "more", "off", "shadow-ends", "composite", "result", "action", "same"],
)
def test_a_change_is_applied_to_what_was_recorded(
    tmp_path: Path, change: tuple[str, str], action: Action | None, score: float
) -> None:
    old = rules(tmp_path / "old", OLD)
    text = OLD.replace(*change, 1) if change[0] else OLD + change[1]
    new = rules(tmp_path / "new", text)
    found = rejudge(record(auth_results=(AuthResult("dkim", "fail"),)), old, new)
    assert (found.action if found is not None else None) == action
    if found is not None:
        assert found.score == score


def test_the_weight_of_a_hit_is_kept(tmp_path: Path) -> None:
    old = rules(tmp_path / "old", OLD)
    new = rules(tmp_path / "new", OLD.replace("score = 2.0", "score = 8.0"))
    half = record(
        score=5.0,
        action=Action.ACCEPT,
        decisive="",
        hits=(ScoredHit("CHECKED", 1.0), ScoredHit("WORD", 4.0)),
    )
    found = rejudge(half, old, new)
    assert found is not None and found.score == 8.0


def test_what_a_check_decided_stays(tmp_path: Path) -> None:
    old = rules(tmp_path / "old", OLD)
    new = rules(tmp_path / "new", OLD.replace("score = 4.0", "score = 0.0"))
    assert rejudge(record(Action.REJECT, decisive="GTUBE"), old, new) is None


def test_rules_that_must_see_the_message_are_named(tmp_path: Path) -> None:
    old = rules(tmp_path / "old", OLD)
    text = OLD.replace("rhubarb", "custard") + (
        '[rule.NEW]\nwhere = "subject"\nmatch = "x"\n'
        '[rule.LONG]\nwhen = "size > 9"\n[rule.KNOWN]\nwhen = "WORD"\n'
    )
    assert needs_messages(old, rules(tmp_path / "new", text)) == ["LONG", "NEW", "WORD"]

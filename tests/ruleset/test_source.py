"""Rule files as declarations: limits, replies, examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.ruleset import source
from filterd.ruleset.source import Declarations, did_you_mean, read_files, read_text

RULE = "[rule.A]\nwhere = 'subject'\nmatch = 'x'\n"


def declared(text: str) -> Declarations:
    found = Declarations()
    read_text(text, Path("some.toml"), found)
    return found


def problems(text: str) -> list[str]:
    return [f"{p.where}: {p.message}" for p in declared(text).problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (RULE + "score = 2000", "4:9: expected -1000 to 1000"),
        (RULE + f"describe = '{'x' * 501}'", "4:12: longer than 500 characters"),
        (RULE + f"hit = ['{'x' * 16_385}']", "4:8: an example above 16,384 characters"),
        (RULE + f"hit = {['x'] * 51}", "4:7: more than 50 examples"),
        (RULE + "hit = [3]", "4:8: an example is a text, or a table with a message"),
        (RULE + "hit = [{client='x'}]", '4:8: an example table has "message" and is all text'),
        (RULE + "hit = [{mesage='x'}]", '4:16: "mesage" is not known here; did you mean "message"?'),
        (RULE + "mode = 'quiet'", '4:8: a mode is "live" or "shadow"'),
        (RULE + "enabled = 1", "4:11: expected true or false, got 1"),
        (RULE + "reply = 'no'", '4:9: a reply needs an action, such as action = "reject"'),
        (RULE + "action='tag'\nreply='no'", '5:7: "tag" sends no reply of its own'),
        (RULE + "action='reject'\nreply='451 4.7.1 no'", "5:7: reject answers with 5xx and 5.x.x"),
        (
            RULE + 'action="reject"\nreply="a\\r\\nb"',
            "5:7: a reply is one line of printable ASCII, at most 400",
        ),
        (RULE + "when = 'B'", '1:1: a rule has one of "match", "list" (or "in") and "when"'),
        ("[rule.A]\nwhen='B'\nwhere='subject'", '3:7: "where" does not go with "when"'),
        ("[rule.A]\nmatch='B'", '1:1: say where to look: where = "subject"'),
        (RULE + "count = '< 3'", "4:9: a rule counts what is there; use > or >="),
        ("[rule.a-b]\nwhen='B'", "1:1: a rule's name is capital letters, digits and _ (a leading _ hides it)"),
        ("[rule._A]\nwhen='B'\nscore=1", "1:1: a rule whose name begins with _ counts nothing by itself"),
        ("[group.A]\ncap=1", "1:1: a group's name is lower-case letters, digits, - and _"),
        ("[symbol.x]\nscore=1", "1:1: a symbol is capital letters, digits and _"),
        ("rule = 1", "1:8: write it as a table: [rule.NAME]"),
        ("[rule]\nA = 1", "2:5: write it as a table: [rule.A]"),
        ("[rule.A]\nwhere='subject'\nmatch=[]", "3:7: is empty"),
        ("[rule.A]\nwhere='subject'\nmatch=[1]", "3:7: expected a text in quotes, or several in [ ]"),
        ("a = " + "[" * 5000, "1:1: nested too deeply"),
    ],
)  # fmt: skip
def test_mistakes(text: str, problem: str) -> None:
    assert problem in problems(text)


def test_limits_of_one_rule() -> None:
    many = ", ".join(["'x'"] * (source.MAX_PATTERNS + 1))
    assert problems(f"[rule.A]\nwhere='subject'\nmatch=[{many}]") == [
        "3:7: more than 500 entries"
    ]


def test_files_too_large_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_FILE", 10)
    (tmp_path / "a.toml").write_text("# " + "x" * 20)
    found = Declarations()
    read_files([tmp_path / "a.toml", tmp_path / "b.toml"], found)
    assert [p.message for p in found.problems] == [
        "larger than 0 MiB",
        "No such file or directory",
    ]


def test_too_many_rules(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("".join(f"[rule.A{n}]\nwhen='X'\n" for n in range(4)))
    found = Declarations()
    read_files([tmp_path / "a.toml"], found, max_rules=3)
    assert [p.message for p in found.problems] == ["more than 3 rules (rules.max_rules)"]


def test_not_utf8() -> None:
    found = Declarations()
    read_text(b"# \xff", Path("a.toml"), found)
    assert [p.message for p in found.problems] == ["is not UTF-8 (invalid start byte)"]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("We do not want this", "550 5.7.1 We do not want this"),
        ("554 Not here", "554 5.7.1 Not here"),
        ("550 5.7.26 Not signed", "550 5.7.26 Not signed"),
    ],
)
def test_replies(reply: str, expected: str) -> None:
    found = declared(RULE + f"action = 'reject'\nreply = '{reply}'")
    assert not found.problems
    assert str(found.rules["A"].reply) == expected


def test_a_later_word_on_a_rule_adds_examples_and_changes_the_action() -> None:
    found = declared(RULE + "hit = ['x']")
    read_text("[rule.A]\nhit=['xx']\naction='tempfail'\n", Path("other.toml"), found)
    assert not found.problems
    rule = found.rules["A"]
    assert [example.text for example in rule.hit] == ["x", "xx"]
    assert rule.match == ("x",)
    assert str(rule.reply) == "451 4.7.1 "


def test_a_later_rule_of_the_same_name_replaces_it_whole() -> None:
    found = declared(RULE + "score = 3\nhit = ['x']")
    read_text("[rule.A]\nwhere='body'\nmatch='y'\n", Path("other.toml"), found)
    assert found.rules["A"].match == ("y",)
    assert found.rules["A"].hit == ()
    assert found.scores["A"].points == 0


def test_a_near_word_is_suggested() -> None:
    assert did_you_mean("scroe", ["score", "group"]) == '; did you mean "score"?'
    assert did_you_mean("zzz", ["score"]) == ""

"""What lint says of rules that load, and that it always says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.core.stage import Stage
from filterd.ruleset import RuleSet, RuleSettings, load
from filterd.ruleset.lint import Cost, Level, cost, lint, stage

GOOD = "hit=['xyz']\nmiss=['']\ndescribe='It is so.'\n"


def rules_of(folder: Path, *files: str, **settings: object) -> RuleSet:
    for number, text in enumerate(files):
        (folder / f"{number}.toml").write_text(text)
    return load(
        RuleSettings.model_validate({"shipped": False, "directory": folder, **settings}),
        symbols={"SPF_FAIL": Stage.MAIL},
    )


def said(rules: RuleSet, *code: str, shipped: str = "") -> list[str]:
    found = lint(rules, code, shipped=shipped)
    assert found == lint(rules, code, shipped=shipped)
    return [f"{Path(f.file).name}:{f.where} {f.level.value}: {f.message}" for f in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[rule.A]\nwhere='subject'\nmatch='xyz'\n" + GOOD, []),
        (
            "[rule.A]\nwhere='subject'\nmatch='xyz'\n",
            [
                "0.toml:1:1 warning: A: no describe: what will a user read?",
                "0.toml:1:1 warning: A: no hit and no miss example",
            ],
        ),
        (
            "[symbol.SPF_FIAL]\nscore = 1\n",
            ['0.toml:1:1 warning: SPF_FIAL: nothing hits this symbol; did you mean "SPF_FAIL"?'],
        ),
        (
            "[rule.SPF_FAIL]\nwhere='subject'\nmatch='xyz'\n" + GOOD,
            ["0.toml:1:1 warning: SPF_FAIL: a check hits a symbol of this name too"],
        ),
        (
            "[rule.A]\nwhere='subject'\nmatch='xyz'\ngroup='words'\n" + GOOD + "[group.word]\n",
            [
                '0.toml:4:7 warning: A: there is no [group.words]; did you mean "word"?',
                "0.toml:8:1 warning: nothing is in the group word",
            ],
        ),
        (
            "[rule._P]\nwhere='subject'\nmatch='xyz'\nhit=['xyz']\nmiss=['']\n",
            ["0.toml:1:1 warning: _P: no composite uses this part"],
        ),
        (
            ("[rule.A]\nwhere='subject'\nmatch=['xyz', 'xyz', 'w*']\n"
            "hit=['xyz']\nmiss=[{message='From: x'}]\ndescribe='x'\nunless='^$'\n"),
            [
                "0.toml:3:15 warning: A: the same pattern twice",
                "0.toml:3:22 warning: A: the pattern matches the empty text, so it always hits",
            ],
        ),
    ],
)  # fmt: skip
def test_findings(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert said(rules_of(tmp_path, text), "SPF_FAIL")[: len(expected) + 1] == (
        [": warning: SPF_FAIL: a check hits it, no file scores it", *expected]
        if "[rule.SPF_FAIL]" not in text
        else expected
    )


def test_a_rule_that_replaces_another_is_noted(tmp_path: Path) -> None:
    rule = "[rule.A]\nwhere='subject'\nmatch='xyz'\n" + GOOD
    (finding,) = lint(rules_of(tmp_path, rule, "\n" + rule), ())
    assert (finding.level, finding.where) == (Level.NOTE, "2:1")
    assert finding.message == f"A: replaces the rule of {tmp_path / '0.toml'}:1"


def test_shipped_rules_must_have_examples_and_words_for_people(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "[rule.A]\nwhere='subject'\nmatch='xyz'\n")
    assert said(rules, shipped=str(tmp_path)) == [
        "0.toml:1:1 error: A: no describe: what will a user read?",
        "0.toml:1:1 error: A: no hit and no miss example",
    ]


def test_stage_and_cost(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        "[rule.WORDS]\nwhere='subject'\nmatch='some word'\n"
        "[rule.SHAPE]\nwhere='helo'\nmatch='^[0-9.]+$'\n"
        "[rule.LISTED]\nwhere='client'\nin=['192.0.2.1']\n"
        "[rule.MIXED]\nwhen='SHAPE and LISTED'\n",
    )
    found = {name: (stage(rules, name), cost(rules, name)) for name in rules.symbols}
    assert found == {
        "WORDS": ("header", Cost.WORD),
        "SHAPE": ("helo", Cost.TEXT),
        "LISTED": ("connect", Cost.NONE),
        "MIXED": ("helo", Cost.NONE),
    }

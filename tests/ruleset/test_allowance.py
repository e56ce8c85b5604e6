"""Rules that would take too long: hostile patterns on hostile texts end, and say so."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from filterd.ruleset import RuleSettings, load
from filterd.ruleset.allowance import Allowance, give_up, is_used_up
from filterd.ruleset.match import Matcher, compile_pattern
from filterd.ruleset.tree import PatternError
from tests.support.builders import a_transaction
from tests.support.speed import is_within


def test_without_an_allowance_there_is_no_end() -> None:
    give_up("nobody asks")
    assert not is_used_up()


def test_an_allowance_ends_and_names_what_gave_up() -> None:
    with Allowance(0.0) as given_up:
        assert is_used_up()
        give_up("A")
    assert given_up == {"A"}
    assert not is_used_up()


def test_matching_stops_where_the_allowance_does() -> None:
    matcher = Matcher([compile_pattern("needle"), compile_pattern(".x")])
    with Allowance(0.0) as given_up:
        assert list(matcher.search([b"needle x"])) == []
    assert given_up
    assert len(list(matcher.search([b"needle x"]))) == 2


def test_a_pattern_of_too_many_instructions_is_refused() -> None:
    with pytest.raises(PatternError, match="instructions"):
        compile_pattern("|".join(f"[{letter}-z]{{900}}q" for letter in "abcdefghijklmn"))


def test_a_hostile_rule_file_and_a_hostile_message_end_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.ruleset.program.ALLOWANCE", 0.2)
    rules = "".join(
        f"[rule.BAD_{number}]\nwhere = 'body'\nmatch = '(?:[a-z][b-y]?){{{600 + number}}}q'\n"
        for number in range(40)
    )
    (tmp_path / "bad.toml").write_text(rules)
    loaded = load(RuleSettings(shipped=False, directory=tmp_path))
    tx = a_transaction(
        # The loose forms match "abq", so that each pattern itself is looked for behind it.
        message="Subject: s\n\nabq " + "".join(random.Random(1).choices("ab", k=8_000))
    )
    started = time.thread_time()
    found = [hit.symbol for hit in loaded.match(tx)]
    assert found == ["RULE_LIMIT"]
    assert is_within(time.thread_time() - started, 4.0)  # all 40 take more than 10

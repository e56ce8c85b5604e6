from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.errors import ConfigError
from filterd.core.evidence import Evidence
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.scan.schedule import plan


def nothing(_tx: Transaction, _settings: Any, _services: Services) -> Iterable[Evidence]:
    return ()


def check(name: str, *after: str, stage: Stage = Stage.EOM) -> Check:
    return Check(name=name, stage=stage, run=nothing, after=after)


def names(*checks: Check, **settings: CheckSettings) -> list[str]:
    return [c.name for c in plan(checks, settings).checks]


def test_catalogue_order_is_kept_where_nothing_else_decides() -> None:
    assert names(check("b"), check("a"), check("c")) == ["b", "a", "c"]


def test_a_check_runs_after_those_it_names() -> None:
    assert names(check("dmarc", "spf", "dkim"), check("spf"), check("dkim")) == [
        "spf",
        "dkim",
        "dmarc",
    ]


def test_a_star_runs_after_everything() -> None:
    assert names(check("last", "*"), check("a"), check("b", "a")) == ["a", "b", "last"]


def test_a_check_that_is_switched_off_does_not_hold_up_others() -> None:
    assert names(check("a"), check("b", "a"), a=CheckSettings(enabled=False)) == ["b"]


def test_a_name_that_is_no_check_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'checks\.b: runs after "nobody"'):
        plan([check("b", "nobody")], {})


def test_checks_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="these wait for each other: a, b"):
        plan([check("a", "b"), check("b", "a")], {})


def test_a_profile_leaves_checks_out() -> None:
    whole = plan([check("a"), check("b", stage=Stage.CONNECT)], {})
    assert [c.name for c in whole.without(["a"]).checks] == ["b"]


def test_who_has_no_questions_is_not_asked_for_any() -> None:
    silent, curious = check("a"), replace(check("b"), questions=lambda _tx, _settings: ())
    found = plan([silent, curious], {}).asking(Stage.EOM)
    assert [(each.name, type(settings)) for each, settings in found] == [("b", CheckSettings)]


def steps(stage: Stage, *checks: Check) -> list[tuple[str, bool]]:
    return [(step.check.name, step.is_once) for step in plan(checks, {}).steps(stage)]


def test_an_early_stage_runs_what_its_checks_build_on_and_nothing_else() -> None:
    at_rcpt = frozenset({Stage.RCPT, Stage.EOM})
    found = steps(
        Stage.RCPT,
        check("address", stage=Stage.CONNECT),
        check("name", "address", stage=Stage.HELO),
        check("unasked", stage=Stage.HELO),
        check("body"),
        replace(check("gate", "name", "body"), runs=at_rcpt),
    )
    assert found == [("address", True), ("name", True), ("gate", False)]


def test_a_star_at_an_early_stage_stands_behind_all_whose_facts_are_there() -> None:
    last = replace(check("last", "*"), runs=frozenset({Stage.CONNECT}))
    found = steps(Stage.CONNECT, last, check("a", stage=Stage.CONNECT), check("b"))
    assert found == [("a", True), ("last", False)]


def test_at_the_end_who_ran_early_runs_again_only_if_it_says_so() -> None:
    both = replace(check("both"), runs=frozenset({Stage.RCPT, Stage.EOM}))
    early = replace(check("early"), runs=frozenset({Stage.RCPT}))
    assert steps(Stage.EOM, check("a"), both, early) == [("a", True), ("both", False)]

"""Facts of expressions, what is refused in them, and their order."""

from __future__ import annotations

import pytest

from filterd.core.stage import Stage
from filterd.ruleset import expr
from filterd.ruleset.composite import FACTS, Facts, Known, check, order, stage_of
from tests.support.builders import a_transaction

KNOWN = Known(
    {"A_B": Stage.EOM, "A_C": Stage.HELO, "DKIM_PASS": Stage.EOM}, frozenset({"words"})
)


def wrong(text: str) -> list[tuple[int, str]]:
    return check(expr.parse(text), KNOWN)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "A_B and DKIM_PAS",
            (9, '"DKIM_PAS" is no symbol and no fact; did you mean "DKIM_PASS"?'),
        ),
        ("X_*", (1, "no symbol begins with X_")),
        ("cuont(A_B)", (1, 'there is no cuont(); did you mean "count"?')),
        ("any()", (1, "any() of nothing")),
        (
            "group('word')",
            (1, 'group() takes a group\'s name in quotes; did you mean "words"?'),
        ),
        ("points(3)", (1, "points() takes symbols")),
        ("spf > 1", (5, 'compare spf as in spf == "pass"')),
        ("spf == 'fial'", (8, '"fial" is no result of spf; did you mean "fail"?')),
        ("size == 'big'", (6, "size is a number")),
        ("helo > 2", (6, 'helo is a text: compare it with == "..."')),
    ],
)
def test_what_cannot_be_meant(text: str, problem: tuple[int, str]) -> None:
    assert wrong(text) == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "A_* and count(A_B, A_*) > 1 and spf != 'pass'",
        "'example.org' == from.domain",
        "group('words') > 2 and points(A_B) < 1 and score >= 3",
        *FACTS,
    ],
)
def test_what_can_be_meant(text: str) -> None:
    assert wrong(text) == []


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_can_be_read_of_an_empty_message(name: str) -> None:
    facts = Facts(a_transaction(message="\n"), (), {}, {})
    assert facts.get(name) == facts.get(name)


def test_functions() -> None:
    points = {"A_B": 1.5, "A_C": 2.0, "": 3.5}
    facts = Facts(a_transaction(), ["A_B", "A_C"], points, {"A_B": "words"})
    for text, expected in [
        ("count(A_*)", 2.0),
        ("count(A_B, not A_C, 1)", 2.0),
        ("any(X, A_C)", 1.0),
        ("all(A_B, A_C)", 1.0),
        ("all(A_B, X)", 0.0),
        ("points(A_B, A_C)", 3.5),
        ("group('words')", 1.5),
        ("score", 3.5),
    ]:
        assert expr.parse(text).value(facts.get, facts.functions) == expected, text


def test_the_stage_is_the_last_thing_known() -> None:
    symbols = {"A": Stage.HELO, "B_X": Stage.RCPT}
    stages = {
        text: stage_of(expr.parse(text), symbols)
        for text in ("A", "A and tls", "B_*", "points(A)", "subject_length > 3", "1")
    }
    assert stages == {
        "A": Stage.HELO,
        "A and tls": Stage.HELO,
        "B_*": Stage.RCPT,
        "points(A)": Stage.EOM,
        "subject_length > 3": Stage.HEADER,
        "1": Stage.CONNECT,
    }


def test_order_puts_what_is_needed_first() -> None:
    ordered, circles = order({"a": ["b", "c"], "b": ["c", "outside"], "c": []})
    assert ordered == ["c", "b", "a"]
    assert circles == []


def test_order_of_a_long_chain_needs_no_stack() -> None:
    chain = {f"n{i}": [f"n{i + 1}"] for i in range(5000)}
    ordered, circles = order(chain)
    assert ordered[0] == "n4999"
    assert circles == []


def test_circles_are_found() -> None:
    _, circles = order({"a": ["b"], "b": ["a"], "c": ["c"]})
    assert circles == [["a", "b", "a"], ["c", "c"]]

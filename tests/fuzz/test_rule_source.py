"""Rule files: any text gives declarations or problems, and what loads can be run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.expr import ExpressionError
from filterd.ruleset.expr import parse as parse_expression
from filterd.ruleset.match import Matcher, compile_pattern
from filterd.ruleset.position import Positions
from filterd.ruleset.program import compile_program
from filterd.ruleset.source import Declarations, read_text
from filterd.ruleset.tree import PatternError
from tests.support.builders import a_transaction

pytestmark = pytest.mark.fuzz

PIECES = st.sampled_from(
    [
        "[rule.A]\n", "[rule._B]\n", "[symbol.C]\n", "[group.g]\n", "where = 'subject'\n",
        "where = ['body', 'link']\n", "match = 'a(b'\n", "match = '(?i)x+'\n", "when = 'A and not C'\n",
        "when = 'score > '\n", "score = 1.5\n", "score = 'x'\n", "count = '> 2'\n", "hit = ['x', '']\n",
        "hit = [{message = 'Subject: x'}]\n", "miss = 3\n", "list = 'none'\n", "in = ['a.b']\n",
        "action = 'reject'\n", "reply = '550 5.7.1 no'\n", "group = 'g'\n", "cap = 2\n", "enabled = false\n",
        "mode = 'shadow'\n", "= 1\n", "[[rule]]\n", "[rule]\nA = 1\n", "[rule.A.hit]\n", '"""\n', "\x00",
    ]
)  # fmt: skip
PATTERN_PIECES = st.sampled_from(list("abc.*+?()[]{}|^$\\-:=!<>&#, 0123xXpQEiRK'\n\xe9\u4e00"))


@given(
    st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=60) | st.binary(max_size=60)
)
def test_any_text_gives_declarations_or_problems(text: str | bytes) -> None:
    declared = Declarations()
    read_text(text, Path("fuzz.toml"), declared)
    program, problems = compile_program(declared, {})
    for problem in (*declared.problems, *problems):
        assert problem.message
        assert "\n" not in problem.message
    if not declared.problems and not problems:
        tx = a_transaction(message="Subject: xx\n\nab http://a.b/ x")
        assert {hit.symbol for hit in program.match(tx)} <= program.lookers.keys()


T = TypeVar("T")


def read(reader: Callable[[str], T], text: str) -> T | PatternError | ExpressionError:
    """What the reader makes of the text, or its error, which has a reason and a column within."""
    try:
        return reader(text)
    except (PatternError, ExpressionError) as error:
        is_sound = bool(error.message) and 0 <= error.column <= len(text) + 1
        if not is_sound:
            raise AssertionError(repr(error)) from error
        return error


@given(st.lists(PATTERN_PIECES, max_size=30).map("".join), st.text("abc1 \n\xe9", max_size=80))
def test_any_pattern_compiles_or_says_why(pattern: str, text: str) -> None:
    compiled = read(compile_pattern, pattern)
    if isinstance(compiled, PatternError | ExpressionError):
        return
    list(Matcher([compiled]).search([text.encode()]))


@given(
    st.lists(
        st.sampled_from(
            [
                "A",
                "not ",
                "(",
                ")",
                " and ",
                " or ",
                "==",
                "<",
                "'x'",
                "3",
                "+",
                "-",
                "*",
                "!",
                "f(",
                ",",
            ]
        ),
        max_size=25,
    ).map("".join)
    | st.text(max_size=40)
)
def test_any_expression_has_a_value_or_says_why(text: str) -> None:
    expression = read(parse_expression, text)
    if isinstance(expression, PatternError | ExpressionError):
        return
    expression.value(lambda name: 1.0)


@given(st.lists(PIECES, max_size=10).map("".join) | st.text("ab\"'[]{}=.,#\n", max_size=60))
def test_positions_are_inside_any_text(text: str) -> None:
    place = Positions(text).place("rule", "A", "where", 0)
    assert 1 <= place.line <= text.count("\n") + 1

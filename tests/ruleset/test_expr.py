"""Expressions: reading, precedence, values, limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.expr import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, ExpressionError, Value, parse

VALUES: dict[str, Value] = {
    "A": 1.0,
    "B": 1.0,
    "C": 0.0,
    "n": 3.0,
    "spf": frozenset({"pass"}),
    "dkim": frozenset({"pass", "fail"}),
    "helo": "mail.Example.org",
}


def value(text: str) -> Value:
    return parse(text).value(lambda name: VALUES.get(name, 0.0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", True),
        ("C", False),
        ("not C", True),
        ("not not A", True),
        ("A and C or B", True),
        ("A and (C or C)", False),
        ("A && !C || C", True),
        ("not A == 0", True),
        ("!A == 0", True),
        ("!A == 1", False),
        ("A + B + C >= 2", True),
        ("A + B - C > 2", False),
        ("n * 2 == 6", True),
        ("n / 2 > 1.4", True),
        ("n / 0 == 0", True),
        ("-n < 0", True),
        ("1 + 2 * 3 == 7", True),
        ("(1 + 2) * 3 == 9", True),
        ('spf == "pass"', True),
        ("spf != 'pass'", False),
        ('dkim == "fail"', True),
        ('dkim == "none"', False),
        ('helo == "MAIL.example.org"', True),
        ("UNKNOWN", False),
        ("A and A and A and not C", True),
        (".5 < 1", True),
    ],
)
def test_values(text: str, expected: bool) -> None:
    assert bool(value(text)) is expected


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "something is missing at the end", 1),
        ("A and", "something is missing at the end", 6),
        ("A B", "'B' is not expected here", 3),
        ("(A", "a ( without its )", 1),
        ("A)", "')' is not expected here", 2),
        ("A $ B", "'$' means nothing here", 3),
        ("1 < 2 < 3", "a comparison of a comparison", 7),
        ("f(A", "f( without its )", 1),
        ("A = B", "'=' means nothing here", 3),
        ("(" * 60 + "A" + ")" * 60, f"nested deeper than {MAX_DEPTH}", MAX_DEPTH + 1),
        ("A" * (MAX_LENGTH + 1), f"an expression of {MAX_LENGTH + 1:,} characters; the limit is {MAX_LENGTH:,}", 0),
        ("A+" * MAX_TERMS + "A", f"more than {MAX_TERMS:,} words", 0),
    ],
)  # fmt: skip
def test_mistakes(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert (error.value.message, error.value.column) == (message, column)


def test_names_in_their_order() -> None:
    expression = parse('B and f(A, x) > 2 or "C"')
    assert [name.name for name in expression.names] == ["B", "A", "x"]


Pair = tuple[str, float]  # an expression and what it comes to


def binary(left: Pair, mark: str, right: Pair) -> Pair:
    results = {
        "and": float(bool(left[1] and right[1])),
        "or": float(bool(left[1] or right[1])),
        "+": left[1] + right[1],
        "-": left[1] - right[1],
        "*": left[1] * right[1],
        "<": float(left[1] < right[1]),
        ">=": float(left[1] >= right[1]),
        "==": float(left[1] == right[1]),
    }
    return f"({left[0]} {mark} {right[0]})", results[mark]


def expressions() -> st.SearchStrategy[Pair]:
    marks = st.sampled_from(["and", "or", "+", "-", "*", "<", ">=", "=="])
    return st.recursive(
        st.sampled_from([("0", 0.0), ("1", 1.0), ("2", 2.0)]),
        lambda inner: st.one_of(
            st.builds(binary, inner, marks, inner),
            inner.map(lambda pair: (f"(not {pair[0]})", float(not pair[1]))),
        ),
        max_leaves=12,
    )


@given(expressions())
def test_an_expression_comes_to_what_its_parts_make(pair: Pair) -> None:
    text, expected = pair
    assert float(bool(value(text))) == float(bool(expected))

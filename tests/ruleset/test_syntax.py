"""Reading patterns: what is a tree, what is refused and where, what no linear engine can run."""

from __future__ import annotations

import pytest

from filterd.ruleset.syntax import MAX_DEPTH, MAX_PATTERN, MAX_REPEAT, parse
from filterd.ruleset.tree import (
    AnyChar,
    Assertion,
    At,
    Char,
    PatternError,
    Repeat,
    Sequence,
)


@pytest.mark.parametrize(
    ("pattern", "message", "column"),
    [
        ("a)", "a ) without its (", 2),
        ("(a", "a ( without its )", 1),
        ("x(?:a", "a ( without its )", 2),
        ("*a", "nothing stands before *", 1),
        ("a**", "a quantifier after a quantifier", 2),
        ("a{3,2}", "{3,2} counts downwards", 2),
        (f"a{{{MAX_REPEAT + 1}}}", f"a repetition above {MAX_REPEAT}", 2),
        ("(?{code})", "a pattern cannot contain code", 1),
        ("(?<1>a)", "a group's name is letters, digits and _", 1),
        ("(?#a", "a comment without its end", 1),
        ("(" * (MAX_DEPTH + 2), f"groups nested deeper than {MAX_DEPTH}", MAX_DEPTH + 2),
        ("a" * (MAX_PATTERN + 1), f"a pattern of {MAX_PATTERN + 1:,} characters; the limit is {MAX_PATTERN:,}", 0),
    ],
)  # fmt: skip
def test_mistakes_are_refused_with_their_column(
    pattern: str, message: str, column: int
) -> None:
    with pytest.raises(PatternError) as error:
        parse(pattern)
    assert (error.value.message, error.value.column) == (message, column)


def test_flags_hold_to_the_end_of_their_group() -> None:
    assert parse("(?:a(?i)b|c)d") == Sequence(
        (
            parse("(?:a(?i)b|c)"),
            Char(ord("d"), False),
        )
    )
    assert parse("(?i:a)b") == Sequence((Char(ord("a"), True), Char(ord("b"), False)))
    assert parse("(?i)a(?-i)b") == Sequence((Char(ord("a"), True), Char(ord("b"), False)))


@pytest.mark.parametrize(
    ("pattern", "flags", "tree"),
    [
        ("a b # c", "x", Sequence((Char(97, False), Char(98, False)))),
        (".", "s", AnyChar(True)),
        (".", "", AnyChar(False)),
        ("^", "m", Assertion(At.LINE_START)),
        ("^", "", Assertion(At.START)),
        (r"\Qa.b\E", "", parse(r"a\.b")),
        ("a{,x}", "", parse(r"a\{,x\}")),
        ("{", "", Char(ord("{"), False)),
        (r"\b+a", "", parse(r"\ba")),
        (r"a{2,}?", "", Repeat(Char(97, False), 2, None, True)),
        ("a(?#no)b", "", parse("ab")),
    ],
)
def test_spellings(pattern: str, flags: str, tree: object) -> None:
    assert parse(pattern, flags) == tree

"""Escapes and classes: what they mean, and which are refused where."""

from __future__ import annotations

import pytest

from filterd.ruleset.escape import Escapes
from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import Char, Class, PatternError


@pytest.mark.parametrize(
    ("pattern", "message", "column"),
    [
        ("[ab", "a [ without its ]", 1),
        ("[z-a]", "a range that runs downwards", 3),
        (r"\y", r"\y has no meaning", 1),
        ("a\\", "a backslash at the end", 2),
        (r"\x{110000}", "there is no such character", 1),
        (r"\p{12}", r"\p needs a property such as \pL or \p{Cyrillic}", 1),
    ],
)
def test_mistakes_are_refused_with_their_column(
    pattern: str, message: str, column: int
) -> None:
    with pytest.raises(PatternError) as error:
        parse(pattern)
    assert (error.value.message, error.value.column) == (message, column)


@pytest.mark.parametrize(
    ("pattern", "tree"),
    [
        ("[]a]", Class(((93, 93), (97, 97)), (), False, False)),
        ("[^a-]", Class(((97, 97), (45, 45)), (), True, False)),
        (r"\x41", Char(0x41, False)),
        (r"\x{41}", Char(0x41, False)),
        (r"\101", Char(0x41, False)),
    ],
)
def test_spellings(pattern: str, tree: object) -> None:
    assert parse(pattern) == tree


def test_a_class_ends_where_it_ends() -> None:
    reader = Escapes("[a-c]d")
    assert reader.char_class(False) == Class(((97, 99),), (), False, False)
    assert reader.at == 5
    assert Escapes("[a-c]").fresh_class(True) == Class(((97, 99),), (), False, True)

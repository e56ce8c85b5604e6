"""Looking at trees: what no linear engine can run, and what is looked for apart."""

from __future__ import annotations

import pytest

from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import MAX_BRANCHES, beyond, branches


@pytest.mark.parametrize(
    ("pattern", "what", "column"),
    [
        ("a(?=b)", "look-ahead", 2),
        ("a(?!b)", "look-ahead", 2),
        ("(?<=a)b", "look-behind", 1),
        ("(?<!a)b", "look-behind", 1),
        (r"(a)\1", "back-reference", 4),
        (r"(?<n>a)\k<n>", "back-reference", 8),
        (r"(a)\g{-1}", "back-reference", 4),
        ("a++b", "possessive", 2),
        ("(?>a*)b", "atomic", 1),
        ("(?R)", "recursion", 1),
        ("(a)(?1)", "recursion", 4),
        ("(a)(?(1)b|c)", "conditional", 4),
        ("(*SKIP)a", "verb", 1),
    ],
)
def test_what_needs_backtracking_is_found_with_its_column(
    pattern: str, what: str, column: int
) -> None:
    (found, *_) = beyond(parse(pattern))
    assert (found.what, found.column) == (what, column)


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("abc", ["abc"]),
        ("a|b|c", ["a", "b", "c"]),
        (r"\b(?:a|b)\b", [r"\b(?:a)\b", r"\b(?:b)\b"]),
        ("(?:a|b)c", ["(?:a|b)c"]),
        ("a|(?:b|c)", ["a", "b", "c"]),
    ],
)
def test_alternatives_at_the_top_are_taken_apart(pattern: str, parts: list[str]) -> None:
    found = branches(parse(pattern))
    assert len(found) == len(parts)
    if len(parts) == 1:
        assert found == [parse(pattern)]


def test_there_are_at_most_so_many_branches() -> None:
    pattern = "|".join(f"w{n}" for n in range(MAX_BRANCHES + 1))
    assert branches(parse(pattern)) == [parse(pattern)]

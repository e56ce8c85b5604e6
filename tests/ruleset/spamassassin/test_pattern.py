"""Perl's literals: delimiters, flags, and which engine runs what."""

from __future__ import annotations

from collections import Counter

import pytest

from filterd.ruleset.backtrack import Backtracking
from filterd.ruleset.match import Pattern
from filterd.ruleset.spamassassin.pattern import compile_literal, split_literal
from filterd.ruleset.tree import PatternError


def compile_all(text: str) -> list[Pattern]:
    pattern, flags = split_literal(text)
    return compile_literal(
        pattern, flags, name="R", steps=1_000, exhausted=Counter(), whole=False
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a/", ("a", "")),
        (r"/a\/b/i", (r"a\/b", "i")),
        ("m{a/b}ix", ("a/b", "ix")),
        ("m'a'", ("a", "")),
        ("m(a(b)c)", ("a(b)c", "")),
        ("qr!x!s", ("x", "s")),
        ("  m,x,i ", ("x", "i")),
    ],
)
def test_a_literal_is_split(text: str, expected: tuple[str, str]) -> None:
    assert split_literal(text) == expected


@pytest.mark.parametrize("text", ["a", "", "m", "/a", "/a/e", "m{a", "mxax"])
def test_what_is_no_literal_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        split_literal(text)


def test_what_re2_can_run_it_runs() -> None:
    made = compile_all("/cheap|free(?:ly)?/i")
    assert len(made) == 2  # each alternative with words of its own
    assert all(not isinstance(each.engine, Backtracking) for each in made)


def test_the_rest_runs_behind_re2() -> None:
    (made,) = compile_all(r"/\bfree(?! of charge)/")
    assert isinstance(made.engine, Backtracking)
    assert made.is_in(b"free beer") is not None
    assert made.is_in(b"free of charge") is None


def test_patterns_are_octets() -> None:
    (made,) = compile_all(r"/\xc3\xa9t\xe9/")
    assert made.is_in(b"\xc3\xa9t\xe9") is not None


@pytest.mark.parametrize("text", [r"/%{FROM_NAME}/", r"/(?{ code })/", r"/a{70000}/", "/(/"])
def test_what_cannot_be_carried_over_is_an_error(text: str) -> None:
    with pytest.raises(PatternError):
        compile_all(text)

"""Patterns that need backtracking: what they find, and that neither pattern nor text can make them run long."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.allowance import Allowance
from filterd.ruleset.backtrack import Backtracking
from filterd.ruleset.emit import to_re2
from filterd.ruleset.engine import engine
from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import PatternError
from tests.support.speed import is_within


def backtracking(pattern: str, flags: str = "", steps: int = 20_000) -> Backtracking:
    loose = engine(to_re2(parse(pattern, flags), loosely=True).encode("latin-1"), latin1=True)
    return Backtracking(
        pattern.encode("latin-1"), flags, loose, steps=steps, name="R", exhausted=Counter()
    )


@pytest.mark.parametrize(
    ("pattern", "text", "span"),
    [
        (r"(\w+) \1\b", b"say hello hello now", (4, 15)),
        (r"(\w+) \1\b", b"say hello there", None),
        (r"foo(?!bar)", b"foobar foobaz", (7, 10)),
        (r"(?<!un)happy", b"unhappy happy", (8, 13)),
        (r"(?<=\d)x", b"ax 7x", (4, 5)),
        (r"^(?!a)b", b"ab\nb", None),
        (r"(?>a+)b", b"aaab", (0, 4)),
    ],
)
def test_finds_what_perl_finds(pattern: str, text: bytes, span: tuple[int, int] | None) -> None:
    assert backtracking(pattern).search(text, 0, len(text)) == span


def test_flags_are_those_of_perl() -> None:
    assert backtracking(r"A(?=b)", "i").search(b"xaB", 0, 3) == (1, 2)
    assert backtracking(r"^b(?=c)", "m").search(b"a\nbc", 0, 4) == (2, 3)


def test_matches_are_counted_without_overlap() -> None:
    assert list(backtracking(r"(a)\1").spans(b"aaaaa aa")) == [(0, 2), (2, 4), (6, 8)]


def test_a_pattern_that_pcre_refuses_is_an_error() -> None:
    with pytest.raises(PatternError, match="PCRE2"):
        backtracking(r"(?<=a+)b")


HOSTILE = [
    (r"^(?=x)(x+x+)+y", b"x" * 60_000),
    (r"(?=x)x.*.*.*y", b"x" * 60_000),
    (r"((a*)*)*\2b", b"a" * 60_000),
    (r"(.*)(.*)(.*)\1\2\3!", b"ab" * 30_000),
    (r"(?=\s)\s*\S+\s*\1(x)", b" " * 60_000),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE, ids=[p for p, _ in HOSTILE])
def test_a_hostile_pattern_on_a_hostile_text_gives_up_in_time(
    pattern: str, text: bytes
) -> None:
    searched = backtracking(pattern)
    started = time.thread_time()
    with Allowance(0.1) as given_up:
        assert searched.search(text, 0, len(text)) is None
    assert given_up <= {"R"}
    assert is_within(
        time.thread_time() - started, 1.0
    )  # ten times the allowance: neighbours share the machine


def test_reaching_the_limit_of_steps_is_no_hit_and_is_counted() -> None:
    exhausted = Counter[str]()
    loose = engine(b"x+", latin1=True)
    searched = Backtracking(
        b"(x+x+)+(?=y)", "", loose, steps=100, name="SLOW", exhausted=exhausted
    )
    assert searched.search(b"x" * 100, 0, 100) is None
    assert exhausted == {"SLOW": 1}


def test_an_allowance_that_is_used_up_stops_all_that_follows() -> None:
    with Allowance(0.0) as given_up:
        assert backtracking(r"foo(?!bar)").search(b"foobaz", 0, 6) is None
    assert given_up == {"R"}
    assert backtracking(r"foo(?!bar)").search(b"foobaz", 0, 6) == (0, 3)


@given(st.text(alphabet="ab(|)*+?^$.\\1=!<:", max_size=14), st.binary(max_size=40))
def test_any_pattern_is_refused_or_ends(pattern: str, text: bytes) -> None:
    try:
        searched = backtracking(pattern, steps=1_000)
    except PatternError:
        return
    found = searched.search(text, 0, len(text))
    assert found is None or 0 <= found[0] <= found[1] <= len(text)

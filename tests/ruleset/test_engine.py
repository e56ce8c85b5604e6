"""Patterns that are compiled where they are used."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given

from filterd.ruleset.emit import to_re2
from filterd.ruleset.engine import PATTERN_MEMORY, engine, forget
from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import PatternError
from tests.ruleset.patterns import patterns, texts


def test_what_was_forgotten_is_compiled_again_and_matches_as_before() -> None:
    pattern = engine(rb"(?i)cheap\s+pills")
    text = b"get CHEAP  pills here"
    for _ in range(2):
        assert pattern.search(text, 0, len(text)) == (4, 16)
        assert pattern.search(text, 5, len(text)) is None
        assert pattern.search(text, 0, 15) is None
        assert pattern.match(text, 0, len(text)) is None
        assert pattern.match(text, 4, len(text)) == (4, 16)
        assert list(pattern.spans(b"cheap pills cheap pills")) == [(0, 11), (12, 23)]
        forget([pattern])


@given(patterns(), texts())
def test_all_matches_are_those_of_the_library(source: str, text: str) -> None:
    pattern, data = to_re2(parse(source)).encode(), text.encode()
    known = [match.span() for match in re2.compile(pattern).finditer(data)]
    assert list(engine(pattern).spans(data)) == known


def test_characters_are_bytes_only_where_that_is_asked_for() -> None:
    assert engine(b"^.$").search("\u00e9".encode(), 0, 2) is not None
    assert engine(b"^.$", latin1=True).search("\u00e9".encode(), 0, 2) is None
    assert engine(b"a", latin1=True).is_latin1


def test_what_is_too_large_is_refused() -> None:
    large = b"(?:" + b"|".join(b"\\pL{400}%d" % n for n in range(100)) + b")"
    with pytest.raises(PatternError, match="RE2: "):
        engine(large)
    assert PATTERN_MEMORY[-1] == 4 << 20

"""Patterns that are compiled where they are used."""

from __future__ import annotations

import pytest

from filterd.ruleset.engine import PATTERN_MEMORY, engine, forget
from filterd.ruleset.tree import PatternError


def test_what_was_forgotten_is_compiled_again_and_matches_as_before() -> None:
    pattern = engine(rb"(?i)cheap\s+pills")
    before = pattern.search(b"get CHEAP  pills here").span()
    forget([pattern])
    assert pattern.search(b"get CHEAP  pills here").span() == before
    assert pattern.match(b"cheap pills") is not None
    assert pattern.match(b"x cheap pills") is None
    assert pattern.match(b"x cheap pills", 2) is not None
    assert [m.span() for m in pattern.finditer(b"cheap pills cheap pills")] == [
        (0, 11),
        (12, 23),
    ]


def test_characters_are_bytes_only_where_that_is_asked_for() -> None:
    assert engine(b"^.$").search("\u00e9".encode()) is not None
    assert engine(b"^.$", latin1=True).search("\u00e9".encode()) is None
    assert engine(b"a", latin1=True).is_latin1


def test_what_is_too_large_is_refused() -> None:
    large = b"(?:" + b"|".join(b"\\pL{400}%d" % n for n in range(100)) + b")"
    with pytest.raises(PatternError, match="RE2: "):
        engine(large)
    assert PATTERN_MEMORY[-1] == 4 << 20

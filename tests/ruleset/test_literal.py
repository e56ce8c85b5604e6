"""The words a pattern needs stand in every match; widths are never too small."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given

from filterd.ruleset.emit import to_re2
from filterd.ruleset.gate import Gate
from filterd.ruleset.literal import MAX_WORD, Needed, needed
from filterd.ruleset.syntax import parse
from tests.ruleset.patterns import patterns, texts


@pytest.mark.parametrize(
    ("pattern", "words", "before", "width"),
    [
        ("cheap pills", {b"cheap pills"}, 0, 11),
        ("(?i)Chips", {b"chips"}, 0, 7),  # a long s takes more bytes than an s
        ("v[i1]agra", {b"viagra", b"v1agra"}, 0, 6),
        ("(?:red|green) apple", {b"red apple", b"green apple"}, 0, 11),
        (r"\d{2,4} dollars", {b" dollars"}, 4, 12),
        (".* dollars", {b" dollars"}, 800, 808),
        ("ab", set(), None, None),
        ("(?:one|.)two", {b"two"}, 4, 7),
        ("(?:one|.){2}", set(), None, None),
        (r"x\bword", {b"x\x00word"}, 0, 5),
        (r"two\s+words", {b"two words"}, 0, 40),
        (r"two \s\tword", {b"two word"}, 0, 10),
        (
            r"two\s*words?\b",
            {b"twoword\x00", b"two word\x00", b"twowords\x00", b"two words\x00"},
            0,
            40,
        ),
        (r"\w+ thing", {b" thing"}, 160, 166),
        ("abc(?=def)", {b"abc"}, 0, 3),
        (r"(\w)\1 word", {b" word"}, None, None),
        ("(?i)é?word", {b"word"}, 4, 8),
    ],
)
def test_words_and_widths(
    pattern: str, words: set[bytes], before: int | None, width: int | None
) -> None:
    found = needed(parse(pattern))
    assert (found.words, found.before, found.width) == (frozenset(words), before, width)


def test_words_are_bounded() -> None:
    found = needed(parse("x" * 500))
    assert {len(word) for word in found.words} == {MAX_WORD}
    assert not needed(parse("[a-f][a-f][a-f][a-f]")).words


def test_as_bytes_a_character_is_one() -> None:
    assert needed(parse("abc\xe9d"), utf8=False).words == {b"abc\xe9d"}


@given(patterns(), texts())
def test_every_match_holds_a_word_within_its_reach(pattern: str, text: str) -> None:
    tree = parse(pattern)
    found = needed(tree)
    data = text.encode()
    match = re2.compile(to_re2(tree).encode()).search(data)
    if match is None:
        return
    start, end = match.span()
    if found.width is not None and not found.runs:
        # `$` may take a line end that the pattern itself does not.
        assert end - start <= found.width + 1
    if found.words:
        for words in (found.words, *found.also):
            assert Gate([Needed(words)]).places(data)
        reach = len(data) if found.before is None or found.runs else found.before
        longest = max(map(len, found.words)) + 40
        near = data[start : start + reach + longest]
        assert Gate([Needed(found.words)]).places(near)

"""Many patterns over one text: what is found, and at what cost."""

from __future__ import annotations

import time

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.emit import to_re2
from filterd.ruleset.gate import Gate
from filterd.ruleset.match import Matcher, compile_pattern
from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import PatternError
from tests.ruleset.patterns import patterns, texts
from tests.support.speed import is_within


@given(st.lists(patterns(), min_size=1, max_size=6), st.lists(texts(), min_size=1, max_size=3))
def test_the_matcher_finds_what_each_pattern_alone_finds(
    sources: list[str], given_texts: list[str]
) -> None:
    data = [text.encode() for text in given_texts]
    matcher = Matcher([compile_pattern(source) for source in sources])
    alone = {
        index
        for index, source in enumerate(sources)
        if any(re2.compile(to_re2(parse(source)).encode()).search(d) for d in data)
    }
    assert {index for index, *_ in matcher.search(data)} == alone


@st.composite
def with_gaps(draw: st.DrawFn) -> str:
    """A pattern whose loose form is another: parts with counted gaps between."""
    gap = st.sampled_from(
        [".{0,9}", r"[^a]{2,7}?", r"(?:\w+ ){0,6}", "a{5,}", "(?:b|cab){1,5}"]
    )
    first, *rest = draw(st.lists(patterns(), min_size=2, max_size=3))
    return f"(?:{first})" + "".join(f"{draw(gap)}(?:{part})" for part in rest)


@given(with_gaps(), texts(), texts())
def test_the_loose_form_goes_before_and_changes_nothing(
    source: str, before: str, behind: str
) -> None:
    text = f"{before}dead beef cab abc{behind}".encode()
    pattern = compile_pattern(source)
    exact = re2.compile(to_re2(parse(source)).encode())
    found = exact.search(text)
    assert pattern.is_in(text) == (found.span() if found is not None else None)
    if pattern.loose is not None:
        for start in range(len(text)):
            if pattern.engine.match(text, start, len(text)) is not None:
                assert pattern.loose.match(text, start, len(text)) is not None
    assert bool(list(Matcher([pattern]).search([text]))) is (found is not None)


@pytest.mark.parametrize("text", ["\u212a", "\u017f", "K\u212aIS\u017f"])
def test_characters_that_fold_into_ascii_are_found(text: str) -> None:
    matcher = Matcher([compile_pattern("(?i)kkis+"), compile_pattern("(?i)[k\u017f]")])
    found = {index for index, *_ in matcher.search([f"xx {text} kkiss".encode()])}
    assert found == {0, 1}
    found = {
        index for index, *_ in matcher.search([f"xx K{text[-1:]}K\u212ai\u017fs".encode()])
    }
    assert 0 in found


def test_the_span_is_that_of_the_match() -> None:
    matcher = Matcher([compile_pattern(r"\d+ dollars")])
    text = b"x" * 9000 + b" 1200 dollars " + b"y" * 9000
    ((index, where, start, end),) = matcher.search([text])
    assert (index, where[start:end]) == (0, b"1200 dollars")


def test_a_word_everywhere_costs_no_more_than_one_search() -> None:
    matcher = Matcher([compile_pattern("[a-c]{0,40}word[0-9]{40}")])
    text = b"word " * 20_000
    started = time.thread_time()
    assert list(matcher.search([text])) == []
    assert is_within(time.thread_time() - started, 0.05)


def test_counting_stops_at_the_most() -> None:
    assert compile_pattern("a").count(b"a" * 1000, 100) == 100
    assert compile_pattern("aa").count(b"aaaa", 100) == 2


@pytest.mark.parametrize("source", ["(?:a{1,1000}){1,1000}", "[^x]{1000}" * 40])
def test_patterns_that_need_too_much_memory_are_refused(source: str) -> None:
    with pytest.raises(PatternError, match="RE2"):
        compile_pattern(source)


@pytest.mark.parametrize("gap", [" ", "\n\t", " " * 31, " " * 33, " " * 700, "\r\n" * 400])
@pytest.mark.parametrize("at", [0, 1, 4_000, 12_000])
def test_white_space_of_any_length_is_found_anywhere(gap: str, at: int) -> None:
    matcher = Matcher([compile_pattern(r"(?i)\bsome\s+phrase\s+here\b")])
    text = ("." * at + f" some{gap}Phrase{gap}here " + "." * 8_000).encode()
    assert [index for index, *_ in matcher.search([text])] == [0]


@pytest.mark.parametrize("spaces", [1, 31, 32, 33, 100, 5_000])
@pytest.mark.parametrize("pattern", [r".{0,3} wordy", r"\s{1,2}wordy", r"[a-z]{0,9} wordy\b"])
def test_a_word_behind_long_white_space_is_found(pattern: str, spaces: int) -> None:
    text = b"some text" + b" " * spaces + b"wordy " + b"and more text " * 50
    ((_, _, start, end),) = Matcher([compile_pattern(pattern)]).search([text])
    assert text[start:end].endswith(b" wordy")


def test_a_thousand_phrases_leave_few_candidates() -> None:
    letters = "abcdefghij"
    names = [a + b + c for a in letters for b in letters for c in letters]
    gate = Gate([compile_pattern(rf"(?i)\bthe\s+{name}\s+offer\b").needed for name in names])
    words = [f"the {a} {b} offer of" for a, b in zip(names, reversed(names), strict=True)]
    text = " ".join([*words, "the abc  offer"]).encode()
    assert list(gate.places(text)) == [names.index("abc")]


def test_a_word_all_over_a_text_is_looked_for_around_each_of_its_places() -> None:
    matcher = Matcher([compile_pattern(r"\bword \d{3}\b")])
    text = b"word 12 " + b"." * 300 + b" word 12 " + b"." * 300 + b" word 123"
    assert [start for _, _, start, _ in matcher.search([text])] == [text.rindex(b"word")]

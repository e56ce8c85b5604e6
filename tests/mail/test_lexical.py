from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.lexical import comments_off, has_at, has_word, joins, text_of, tokens


def kinds(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(text, set())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@b.c", [("atom", "a"), ("special", "@"), ("atom", "b.c")]),
        ('"x \\"y" <', [("quoted", 'x "y'), ("space", " "), ("special", "<")]),
        ("(a(b)c)d", [("comment", "a(b)c"), ("atom", "d")]),
        ("@[192.0.2.1]", [("special", "@"), ("literal", "192.0.2.1")]),
        ("(\\))x", [("comment", "\\)"), ("atom", "x")]),
        ("", []),
    ],
)
def test_tokens_are_read_in_order(text: str, found: list[tuple[str, str]]) -> None:
    assert kinds(text) == found


@pytest.mark.parametrize(
    ("text", "rest", "defect"),
    [("a (b", "b", "unterminated-comment"), ('a "b', '"b', "unterminated-quote")],
)
def test_what_never_ends_hides_nothing_and_is_named(text: str, rest: str, defect: str) -> None:
    defects: set[str] = set()
    assert [token.text for token in tokens(text, defects)][-1] == rest
    assert defects == {defect}


@given(st.text(alphabet='ab "()\\<>@,;:[].', max_size=60))
def test_tokens_stand_one_behind_the_other(text: str) -> None:
    end = 0
    for token in tokens(text, set()):
        assert end <= token.start < token.end <= len(text)
        end = token.end


def test_what_a_run_of_tokens_holds() -> None:
    run = list(tokens('Ann  "B"(c) at', set()))
    assert text_of(run) == "Ann B at"
    assert has_word(run)
    assert not has_at(run)
    assert has_at(list(tokens("a@b", set())))


def test_space_beside_an_at_or_a_dot_joins() -> None:
    at, _, word, _, quoted = tokens('@ b "."', set())
    assert joins(at, word)
    assert not joins(word, quoted)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a (b) c", "a   c"),
        ('"(x)" y', '"(x)" y'),
        ("(a(b)c)d", " d"),
        ("a(", "a"),
        ("a\\(b", "a\\(b"),
    ],
)
def test_comments_are_taken_off(text: str, rest: str) -> None:
    assert comments_off(text) == rest

"""Words in a text, compared with RE2 asked for each word alone."""

from __future__ import annotations

import time

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from filterd.ruleset.gate import Gate

PIECES = ["a", "b", "buy", "now", "B", " ", "\x00", "-", "_", "9", "\xe9"]
FILLERS = [
    "  ",
    "\n",
    "\t\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "A",
    "BUY",
    "Now",
    "é",
    "|",
    *PIECES[:6],
]


def regex(word: bytes) -> bytes:
    escaped = re2.escape(word).replace(b"\\ ", b" ").replace(b" ", rb"[\s\x0b]+")
    return b"(?i)" + escaped.replace(b"\\x00", b"\\b")


def options() -> re2.Options:
    chosen = re2.Options()
    chosen.encoding = chosen.Encoding.LATIN1
    return chosen


def words() -> st.SearchStrategy[bytes]:
    text = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
    return text.map(lambda t: t.lower().replace("  ", " ").encode("latin-1")).filter(
        lambda w: w.replace(b"\x00", b"") and b"  " not in w.replace(b"\x00", b"")
    )


@given(
    st.lists(words(), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from(FILLERS), max_size=12).map("".join),
)
@example([b"\x00buy\x00"], "buys buy_ buy")
@example([b"\x00-a", b" a "], "b-a a")
@example([b"a\x00b", b"a\x00-"], "ab a-")
def test_the_gate_finds_exactly_the_words_of_a_text(
    given_words: list[bytes], text: str
) -> None:
    data = f"~{text}~".encode("latin-1")  # the edges of a text may be those of a piece
    gate = Gate({word: 1 << n for n, word in enumerate(given_words)})
    alone = sum(
        1 << n
        for n, word in enumerate(given_words)
        if re2.compile(regex(word), options()).search(data) is not None
    )
    assert gate.numbers(data) == alone


@pytest.mark.parametrize("word", [b"\x00cut\x00", b"\x00 cut", b" cut ", b"cut"])
def test_the_edge_of_a_piece_hides_no_word(word: bytes) -> None:
    bare = word.replace(b"\x00", b"")
    assert Gate({word: 1}).numbers(bare.replace(b" ", b"\n\n"))


def test_a_text_of_nothing_but_words_costs_a_pass() -> None:
    gate = Gate({b"a" * length: 1 << length for length in (3, 4, 5)})
    started = time.thread_time()
    gate.numbers(b"a" * 4_608)
    assert time.thread_time() - started < 0.05

"""Words in a text, compared with RE2 asked for each word alone."""

from __future__ import annotations

import re2
from hypothesis import example, given
from hypothesis import strategies as st

from filterd.ruleset.gate import Gate
from filterd.ruleset.literal import Needed
from tests.support.speed import is_within, least

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
def test_the_gate_finds_each_word_wherever_it_begins(
    given_words: list[bytes], text: str
) -> None:
    data = text.encode("latin-1")
    gate = Gate([Needed(frozenset({word})) for word in given_words])
    alone = {}
    for index, word in enumerate(given_words):
        engine = re2.compile(regex(word), options())
        places = [
            at
            for at in range(len(data))
            if engine.match(data, at)
            and not (word.lstrip(b"\x00").startswith(b" ") and data[at - 1 : at].isspace())
        ]
        if places:
            alone[index] = places
    assert {n: sorted(set(places)) for n, places in gate.places(data).items()} == alone


def test_a_pattern_needs_a_word_of_each_of_its_sets() -> None:
    gate = Gate([Needed(frozenset({b"one", b"two"}), (frozenset({b"\x00three\x00"}),))])
    assert gate.places(b"One or TWO, and three") == {0: [0, 7]}
    assert gate.places(b"one and threefold") == {}
    assert gate.places(b"three") == {}


def test_what_needs_no_word_passes_no_gate() -> None:
    assert Gate([Needed()]).places(b"anything") == {}
    assert Gate([]).places(b"anything") == {}


def test_a_text_of_nothing_but_words_costs_a_pass() -> None:
    gate = Gate([Needed(frozenset({b"a" * length})) for length in (3, 4, 5)])
    assert is_within(least(lambda: gate.places(b"a" * 4_608)), 0.05)

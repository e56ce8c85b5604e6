"""Hashes are part of the model format: the same on every machine, for ever."""

from __future__ import annotations

import numpy as np

from filterd.classify.hashing import SLOT_BITS, grams, join, tokens

KNOWN_GRAMS = [693623, 1009046]
KNOWN_TOKENS = [648055, 247535, 895590]


def test_slots_of_a_known_text_never_change() -> None:
    assert grams("g", b"viagra", 1).slots.tolist() == KNOWN_GRAMS
    assert tokens("t", np.array([1, 2, 3], dtype=np.uint64), str).slots.tolist() == KNOWN_TOKENS


def test_grams_are_distinct_and_named() -> None:
    group = grams("g", b"abcdeabcde", 1)
    assert len(group) == 5
    assert sorted(group.name(i) for i in range(5)) == [
        "abcde",
        "bcdea",
        "cdeab",
        "deabc",
        "eabcd",
    ]


def test_grams_of_a_short_text_are_none() -> None:
    assert len(grams("g", b"abcd", 1)) == 0
    assert len(grams("g", b"", 1)) == 0


def test_salts_set_texts_apart() -> None:
    first, second = grams("g", b"hello world", 1), grams("g", b"hello world", 2)
    assert not set(first.slots.tolist()) & set(second.slots.tolist())


def test_slots_spread() -> None:
    text = "".join(f"{n:05d}" for n in range(12_000)).encode()
    slots = grams("g", text, 1).slots
    halves = np.bincount(slots >> (SLOT_BITS - 4), minlength=16)
    assert halves.min() > 0.8 * halves.mean()


def test_more_than_the_scratch_table_holds_is_cut() -> None:
    assert len(grams("g", bytes(range(256)) * 400, 1)) <= 65_535


def test_joined_groups_keep_their_names() -> None:
    both = join("j", [grams("g", b"abcdef", 1), grams("g", b"uvwxyz", 1)])
    assert [both.name(i) for i in range(4)] == ["abcde", "bcdef", "uvwxy", "vwxyz"]

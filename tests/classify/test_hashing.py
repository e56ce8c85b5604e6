"""Hashes are part of the model format: the same on every machine, for ever."""

from __future__ import annotations

import threading

import numpy as np

from filterd.classify.hashing import SLOT_BITS, Slots, distinct, to_slots

KNOWN_GRAMS = [655065, 954151]
KNOWN_TOKENS = [648055, 247535, 895590]
NO_TOKENS = np.zeros(0, dtype=np.uint32)


def _grams(*texts: bytes) -> list[Slots]:
    """The slots of each text's grams."""
    found, counts = to_slots(texts, NO_TOKENS)
    ends = np.cumsum(counts).tolist()
    assert len(found) == ends[-1]
    return [found[end - count : end] for end, count in zip(ends, counts, strict=True)]


def test_slots_of_a_known_text_never_change() -> None:
    found, counts = to_slots([b"viagra"], np.array([1, 2, 3], dtype=np.uint32))
    assert found.tolist() == KNOWN_GRAMS + KNOWN_TOKENS
    assert counts == [2]


def test_grams_do_not_reach_into_the_next_text() -> None:
    alone = _grams(b"abcdefgh")[0].tolist()
    assert len(alone) == 4
    assert _grams(b"abcdefgh", b"ijklmnop")[0].tolist() == alone


def test_a_short_text_has_no_grams() -> None:
    assert [len(found) for found in _grams(b"", b"abcd", b"abcde")] == [0, 0, 1]


def test_texts_are_set_apart() -> None:
    first, second = _grams(b"hello world", b"hello world")
    assert not set(first.tolist()) & set(second.tolist())


def test_slots_spread() -> None:
    text = "".join(f"{n:05d}" for n in range(12_000)).encode()
    counts = np.bincount(_grams(text)[0] >> (SLOT_BITS - 4), minlength=16)
    assert counts.min() > 0.8 * counts.mean()


def test_distinct_keeps_one_place_of_each_slot_in_order() -> None:
    slots = np.array([5, 7, 5, 9, 7, 7, 1], dtype=np.intp)
    assert distinct(slots).tolist() == [2, 3, 5, 6]


def test_threads_do_not_disturb_each_other() -> None:
    slots = _grams(bytes(range(256)) * 40)[0]
    expected = distinct(slots).tolist()
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(1 for _ in range(50) if distinct(slots).tolist() != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong

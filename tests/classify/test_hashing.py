"""Hashes are part of the model format: the same on every machine, for ever."""

from __future__ import annotations

import threading

import numpy as np

from filterd.classify.hashing import SLOT_BITS, distinct, gram_slots, token_slots

KNOWN_GRAMS = [655065, 954151]
KNOWN_TOKENS = [648055, 247535, 895590]


def test_slots_of_a_known_text_never_change() -> None:
    assert gram_slots([(b"viagra", 1)])[0].tolist() == KNOWN_GRAMS
    assert token_slots(np.array([1, 2, 3], dtype=np.uint64)).tolist() == KNOWN_TOKENS


def test_grams_do_not_reach_into_the_next_text() -> None:
    alone = gram_slots([(b"abcdefgh", 1)])[0].tolist()
    assert len(alone) == 4
    assert gram_slots([(b"abcdefgh", 1), (b"ijklmnop", 2)])[0].tolist() == alone


def test_a_short_text_has_no_grams() -> None:
    assert [len(found) for found in gram_slots([(b"", 1), (b"abcd", 2), (b"abcde", 3)])] == [
        0,
        0,
        1,
    ]


def test_salts_set_texts_apart() -> None:
    first, second = gram_slots([(b"hello world", 1), (b"hello world", 2)])
    assert not set(first.tolist()) & set(second.tolist())


def test_slots_spread() -> None:
    text = "".join(f"{n:05d}" for n in range(12_000)).encode()
    counts = np.bincount(gram_slots([(text, 1)])[0] >> (SLOT_BITS - 4), minlength=16)
    assert counts.min() > 0.8 * counts.mean()


def test_distinct_keeps_one_place_of_each_slot_in_order() -> None:
    slots = np.array([5, 7, 5, 9, 7, 7, 1], dtype=np.intp)
    assert distinct(slots).tolist() == [2, 3, 5, 6]


def test_threads_do_not_disturb_each_other() -> None:
    slots = gram_slots([(bytes(range(256)) * 40, 1)])[0]
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

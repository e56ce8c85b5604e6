"""Recall: each key is worked out once, and there are never too many."""

from __future__ import annotations

from filterd.classify.recall import MOST, Recall


def test_a_key_is_worked_out_once() -> None:
    asked: list[str] = []

    def size(word: str) -> int:
        asked.append(word)
        return len(word)

    known = Recall(size)
    assert list(map(known.__getitem__, ["four", "six", "four"])) == [4, 3, 4]
    assert asked == ["four", "six"]


def test_it_is_bounded_and_right_after_it_was_emptied() -> None:
    known: Recall[int, int] = Recall(abs)
    for number in range(3 * MOST):
        assert known[-number] == number
        assert len(known) <= MOST

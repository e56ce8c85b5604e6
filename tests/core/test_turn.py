"""One computes at a time, and nobody is kept from it by one who waits or is stuck."""

from __future__ import annotations

import threading

import pytest

from filterd.core.turn import Lent, Turn

LONG = 30.0  # seconds that no test comes near unless it fails


def beside(work: threading.Event, turn: Turn) -> threading.Thread:
    """A thread that sets `work` when it has the turn, or no patience left."""

    def run() -> None:
        with turn.taken():
            work.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_one_has_the_turn_at_a_time() -> None:
    turn, came = Turn(LONG), threading.Event()
    with turn.taken():
        other = beside(came, turn)
        assert not came.wait(0.05)
    assert came.wait(LONG)
    other.join(LONG)


def test_who_waits_for_an_answer_lets_the_next_one() -> None:
    turn, came = Turn(LONG), threading.Event()
    with turn.taken():
        with Lent(turn):
            beside(came, turn).join(LONG)
            assert came.is_set()
        again = threading.Event()
        other = beside(again, turn)
        assert not again.wait(0.05)  # it is ours once more
    other.join(LONG)
    assert again.is_set()


def test_one_who_is_stuck_stops_nobody() -> None:
    turn, came = Turn(0.01), threading.Event()
    with turn.taken():
        beside(came, turn).join(LONG)
        assert came.is_set()
        late = threading.Event()
        beside(late, turn).join(LONG)  # the impatient one gave nothing away that was not his
        assert late.is_set()
    assert turn.give() is False


def test_lending_what_one_does_not_have_is_nothing() -> None:
    turn = Turn(LONG)
    with Lent(turn):
        pass
    assert turn.give() is False
    with turn.taken():
        pass


def test_a_mistake_within_ends_the_turn() -> None:
    turn = Turn(LONG)
    with pytest.raises(ValueError, match="wrong"), turn.taken(), Lent(turn):
        raise ValueError("wrong")
    with turn.taken():
        pass

from __future__ import annotations

import logging
import threading

import pytest

from filterd.core.lookup import NODATA, NXDOMAIN, Answer, Question, RRType, question
from filterd.core.turn import TURN
from filterd.dns.flight import Bell, Flight

ASKED = question("a.example", RRType.A)


class Waiter:
    """Lands the flight that is waited for, or gives up."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer
        self.waited = 0

    def wait(self, flight: Flight, deadline: float) -> None:
        self.waited += 1
        if self.answer is not None:
            flight.land(self.answer)


def test_answer_that_is_there_needs_no_wait() -> None:
    waiter = Waiter()
    flight = Flight(waiter, ASKED, 0, None)
    flight.land(NXDOMAIN)
    assert flight.wait(0) is NXDOMAIN
    assert waiter.waited == 0


def test_wait_ends_with_the_answer_or_with_the_deadline() -> None:
    assert Flight(Waiter(NODATA), ASKED, 0, None).wait(0) is NODATA
    assert Flight(Waiter(), ASKED, 0, None).wait(0).reason == "deadline"


def test_done_is_told_before_the_bells_ring() -> None:
    bell = Bell()
    told: list[tuple[Question, Answer, bool]] = []
    flight = Flight(
        Waiter(), ASKED, 0, lambda asked, answer: told.append((asked, answer, bell.empty()))
    )
    flight.bells.append(bell)
    flight.land(NXDOMAIN)
    assert told == [(ASKED, NXDOMAIN, True)]
    assert not bell.empty()


def test_failure_of_done_keeps_nobody_from_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    def odd(_question: Question, _answer: Answer) -> None:
        raise RuntimeError("odd")

    flight = Flight(Waiter(), ASKED, 0, odd)
    flight.bells.append(Bell())
    with caplog.at_level(logging.ERROR):
        flight.land(NXDOMAIN)
    assert flight.wait(0) is NXDOMAIN
    assert not flight.bells[0].empty()
    assert "a.example: what its answer was for failed" in caplog.text


def test_another_session_computes_while_one_waits() -> None:
    came = threading.Event()

    def compute() -> None:
        with TURN.taken():
            came.set()

    class Slow(Waiter):
        def wait(self, flight: Flight, deadline: float) -> None:
            other = threading.Thread(target=compute)
            other.start()
            other.join()
            flight.land(NXDOMAIN)

    with TURN.taken():
        before = threading.Thread(target=compute)
        before.start()
        assert not came.wait(0.05)
        assert Flight(Slow(), ASKED, 0, None).wait(0) is NXDOMAIN
        assert came.is_set()
    before.join()

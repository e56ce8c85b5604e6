from __future__ import annotations

import logging

import pytest

from filterd.core.lookup import NODATA, NXDOMAIN, Answer, Question, RRType, question
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

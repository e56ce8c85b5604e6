from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from filterd.core.lookup import NODATA, NXDOMAIN, Answer, Question, RRType, question
from filterd.dns.flight import Flight

ASKED = question("a.example", RRType.A)


class Reader:
    """Has an answer at hand for the flight that is looked at, or not."""

    def __init__(self, at_hand: Answer | None = None) -> None:
        self.at_hand = at_hand
        self.waited = 0

    def look(self, flight: Flight) -> None:
        if self.at_hand is not None:
            flight.land(self.at_hand)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self.waited += 1
        yield


def test_answer_that_has_come_needs_no_wait() -> None:
    reader = Reader(NXDOMAIN)
    assert Flight(reader, ASKED, 0, None).wait(0) is NXDOMAIN
    assert reader.waited == 0


def test_everybody_who_waits_gets_the_answer() -> None:
    flight = Flight(Reader(), ASKED, 0, None)
    found: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: found.append(flight.wait(time.monotonic() + 10)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    flight.land(NODATA)
    for thread in threads:
        thread.join()
    assert found == [NODATA] * 5


def test_past_deadline_ends_the_wait_and_not_the_flight() -> None:
    flight = Flight(Reader(), ASKED, 0, None)
    assert flight.wait(time.monotonic() - 1).reason == "deadline"
    assert flight.wait(time.monotonic() + 0.01).reason == "deadline"
    flight.land(NODATA)
    assert flight.wait(0) is NODATA


def test_done_is_told_before_anybody_wakes() -> None:
    told: list[tuple[Question, Answer]] = []
    flight = Flight(Reader(), ASKED, 0, lambda asked, answer: told.append((asked, answer)))
    flight.land(NXDOMAIN)
    assert told == [(ASKED, NXDOMAIN)]

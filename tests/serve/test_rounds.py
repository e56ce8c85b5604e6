"""Something done again and again."""

from __future__ import annotations

import logging
import threading

import pytest

from filterd.serve.rounds import Rounds


def test_it_goes_on_after_an_error_and_stops_when_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    enough = threading.Event()
    done: list[int] = []

    def work() -> None:
        done.append(1)
        if len(done) == 2:
            raise RuntimeError("this once")
        if len(done) == 4:
            enough.set()

    rounds = Rounds(work, 0.001, "test-rounds")
    with caplog.at_level(logging.ERROR):
        rounds.start()
        assert enough.wait(10)
        rounds.close()
    assert "test-rounds failed" in caplog.text
    count = len(done)
    assert not enough.wait(0) or len(done) == count


def test_closing_what_never_started_is_nothing() -> None:
    Rounds(lambda: None, 1.0, "unstarted").close()

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import pytest

from filterd.core.lookup import NXDOMAIN, RRType, question
from filterd.dns.flight import Flight
from filterd.dns.inbox import Inbox
from filterd.dns.reader import Reader
from tests.dns.test_inbox import Server

LONG = 30.0  # seconds that no test takes unless something is forgotten


@contextmanager
def reading(tick: Callable[[], float | None], inbox: Inbox) -> Iterator[Reader]:
    reader = Reader(inbox, tick, inbox.close)
    try:
        yield reader
    finally:
        reader.stop()


def test_tick_says_when_it_is_called_again() -> None:
    ticks: SimpleQueue[None] = SimpleQueue()
    sleeps = [0.0, 0.01]

    def tick() -> float | None:
        ticks.put(None)
        return sleeps.pop(0) if sleeps else None

    with reading(tick, Inbox(lambda _channel: None)) as reader:
        for _ in range(3):
            ticks.get(timeout=LONG)
        with pytest.raises(Empty):
            ticks.get(timeout=0.05)
        reader.wake()
        ticks.get(timeout=LONG)


def test_reader_survives_a_tick_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    ticks: SimpleQueue[None] = SimpleQueue()

    def tick() -> float | None:
        ticks.put(None)
        raise RuntimeError("odd")

    with reading(tick, Inbox(lambda _channel: None)):
        ticks.get(timeout=LONG)
        ticks.get(timeout=LONG)
    assert "goes on" in caplog.text


def test_reply_that_nobody_waits_for_is_read() -> None:
    server, landed = Server(), threading.Event()
    flight = Flight(
        server.inbox, question("a.example", RRType.A), 0, lambda _asked, _answer: landed.set()
    )
    server.channel.flights[1] = flight
    with reading(lambda: None, server.inbox):
        server.far.send(b"\1")
        assert landed.wait(LONG)
        assert flight.wait(0) is NXDOMAIN
    server.far.close()
    assert server.channel.socket.fileno() == -1

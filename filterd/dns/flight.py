"""flight - one question under way, and everybody who waits for its answer.

Owns:   Flight, Channel: what was sent, from which socket, and the latch that opens when the answer is there.
Not here: sending and reading (stub.py), what is kept (cache.py).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from filterd.core.lookup import Answer, Question, tempfail
from filterd.dns.stream import Stream


class Reader(Protocol):
    """Who reads replies: the stub."""

    def look(self, flight: Flight) -> None:
        """Read what has come for a flight already."""
        ...

    def waiting(self) -> AbstractContextManager[None]:
        """While it is entered, replies are read as they come."""
        ...


@dataclass(slots=True, eq=False)
class Channel:
    """One connected UDP socket and the queries that went out of it."""

    socket: socket.socket
    server: int
    flights: dict[int, Flight] = field(default_factory=dict)
    sends: int = 0


class Flight:
    """One question under way; any number of threads may wait for it."""

    __slots__ = (
        "_latch",
        "alias_hops",
        "answer",
        "asked",
        "done",
        "edns",
        "errors",
        "expires",
        "question",
        "reader",
        "section",
        "server",
        "slots",
        "stream",
        "tries",
    )

    def __init__(
        self,
        reader: Reader,
        question: Question,
        expires: float,
        done: Callable[[Question, Answer], None] | None,
    ) -> None:
        self.reader = reader
        self.question = question
        self.asked = question  # changes when a chain of aliases is followed
        self.expires = expires  # monotonic seconds
        self.done = done
        self.answer: Answer | None = None
        self.section = b""
        self.slots: list[tuple[Channel, int]] = []
        self.stream: Stream | None = None
        self.server = 0
        self.tries = 0
        self.errors = 0
        self.alias_hops = 0
        self.edns = True
        self._latch = threading.Lock()
        self._latch.acquire()

    def wait(self, deadline: float) -> Answer:
        """Return the answer, or TEMPFAIL "deadline" if it is not there by then."""
        if self.answer is None:
            self.reader.look(self)
        if self.answer is None:
            remaining = deadline - time.monotonic()
            if remaining > 0:
                with self.reader.waiting():
                    if self._latch.acquire(timeout=min(remaining, 3600.0)):
                        self._latch.release()  # for the next who waits
        return self.answer if self.answer is not None else tempfail("deadline")

    def land(self, answer: Answer) -> None:
        """Give the answer to everybody; once."""
        self.answer = answer
        try:
            if self.done is not None:
                self.done(self.question, answer)
        finally:
            self._latch.release()

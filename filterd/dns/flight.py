"""flight - one question under way, and everybody who waits for its answer.

Owns:   Flight, Channel: what was sent, from which socket, and the bells to ring when the answer is there.
Not here: sending (stub.py), who reads (inbox.py), what is kept (cache.py).
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from filterd.core.lookup import Answer, Question, tempfail
from filterd.core.turn import TURN, Lent
from filterd.dns.stream import Stream

log = logging.getLogger(__name__)

Bell = SimpleQueue[None]  # rung by `put`, as often as one likes; heard by `get`


class Waiter(Protocol):
    """Who sees to it that a flight lands: the stub."""

    def wait(self, flight: Flight, deadline: float) -> None:
        """Return when the flight has landed, or at the deadline."""
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
        "_waiter",
        "alias_hops",
        "answer",
        "asked",
        "bells",
        "done",
        "due",
        "edns",
        "errors",
        "expires",
        "question",
        "section",
        "server",
        "slots",
        "stream",
        "tries",
    )

    def __init__(
        self,
        waiter: Waiter,
        question: Question,
        expires: float,
        done: Callable[[Question, Answer], None] | None,
    ) -> None:
        self._waiter = waiter
        self.question = question
        self.asked = question  # changes when a chain of aliases is followed
        self.expires = expires  # monotonic seconds
        self.due = expires  # when something is done about this try
        self.done = done
        self.answer: Answer | None = None
        self.section = b""
        self.slots: list[tuple[Channel, int]] = []
        self.bells: list[Bell] = []
        self.stream: Stream | None = None
        self.server = 0
        self.tries = 0
        self.errors = 0
        self.alias_hops = 0
        self.edns = True

    def wait(self, deadline: float) -> Answer:
        """Return the answer, or TEMPFAIL "deadline" if it is not there by then."""
        if self.answer is None:
            with Lent(TURN):
                self._waiter.wait(self, deadline)
        return self.answer if self.answer is not None else tempfail("deadline")

    def land(self, answer: Answer) -> None:
        """Give the answer to everybody; once."""
        self.answer = answer
        if self.done is not None:
            try:
                self.done(self.question, answer)
            except Exception:  # must not hit whoever happens to read the reply
                log.exception("%s: what its answer was for failed", self.question.name)
        for bell in tuple(self.bells):  # who hears one takes it down
            bell.put(None)

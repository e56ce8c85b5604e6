"""turn - of the sessions of a process one computes at a time; whoever waits for an answer lets the next one.

Owns:   Turn, Lent, TURN (the process's own).
Why:    Python's lock is let go of wherever a library computes or a packet is sent, some hundred times a message.
        With other scans waiting for it each time may be a change of threads: with 16 sessions a worker a
        message took 10.4 and 9.4 ms of CPU, with turns 8.5 and 7.8, as with one session.
Rules of this file: a turn is a courtesy. Nobody waits for it longer than PATIENCE, so that one who is stuck
        delays the others but cannot stop them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 1.0  # seconds; a scan takes 10 ms, the largest message a second


class Turn:
    """Thread-safe. Who does not have the turn may compute all the same, only slower for all."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._free = threading.Lock()
        self._patience = patience
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute within; nobody else who asked for the turn does so meanwhile, or has waited too long."""
        self.take()
        try:
            yield
        finally:
            self.give()

    def take(self) -> None:
        """Wait for the turn, or until patience ends."""
        self._mine.has_it = self._free.acquire(timeout=self._patience)

    def give(self) -> bool:
        """End it; whether it was this thread's to end."""
        had_it: bool = getattr(self._mine, "has_it", False)
        if had_it:
            self._mine.has_it = False
            self._free.release()
        return had_it


class Lent:
    """Wait for something within; a turn that the thread had before it has again afterwards."""

    __slots__ = ("_had_it", "_turn")

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    def __enter__(self) -> None:
        self._had_it = self._turn.give()

    def __exit__(self, *_error: object) -> None:
        if self._had_it:
            self._turn.take()


TURN = Turn()

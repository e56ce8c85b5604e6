"""lifeline - the pipe by which a worker learns that it is to retire.

Rules of this file: the master holds the writing end, the worker the reading end. A byte means: another
        generation has taken over, leave when your sessions have ended. The end of the file, whoever
        caused it (an order, the master's death), means: leave soon. Either way no new work is taken.
        Signals cannot do this: libmilter takes them in a thread of its own.
"""

from __future__ import annotations

import contextlib
import os
import select
from dataclasses import dataclass


@dataclass(slots=True)
class Lifeline:
    """Both ends; each side closes the other's after the fork."""

    reading: int
    writing: int

    @classmethod
    def make(cls) -> Lifeline:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        return cls(reading, writing)

    def held_by_worker(self) -> None:
        """In the child: keep the reading end only."""
        os.close(self.writing)
        self.writing = -1

    def held_by_master(self) -> None:
        """In the parent: keep the writing end only."""
        os.close(self.reading)
        self.reading = -1

    def release(self) -> None:
        """Order the worker to retire at its leisure."""
        with contextlib.suppress(BrokenPipeError):  # it is dead: it will be reaped
            os.write(self.writing, b".")

    def cut(self) -> None:
        """Order the worker to retire soon; once is enough."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    def wait(self) -> bool:
        """Return at the next order (worker side): True where there is time, False at the end."""
        select.select([self.reading], [], [])
        return os.read(self.reading, 1) != b""

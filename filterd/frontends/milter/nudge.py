"""nudge - sessions of a worker with itself, so that no command waits behind one that is held.

Owns:   Nudges.
Facts (libmilter 8.17 with its pool of threads, as Debian builds it): a command goes to a thread that is idle,
        else to a new one. But a thread that was woken counts as idle until it runs; of several commands
        that come in this moment one is served, and the others are looked at when some thread ends its
        command. If each thread is holding an answer, or waits for DNS, that is many seconds later: of 200
        sessions opened at once up to 40 waited until the tarpit let go of another one. Any further command
        puts that right, for it finds no idle thread and gets one that looks around when it is done. So each
        worker sends itself one, all the time that it has sessions.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable

COUNT = 4  # one that is itself left waiting is no command: the next one takes its turn
PACE = 0.05  # seconds; 0.1 % of a core
KEEP = 600.0  # seconds without sessions after which one is sent all the same: libmilter ends silent ones after 7,210
_OFFER = struct.pack("!IcIII", 13, b"O", 6, 0, 0)  # SMFIC_OPTNEG, protocol 6, nothing wanted
_COMMAND = struct.pack(
    "!IccH", 4, b"D", b"C", 0
)  # SMFIC_MACRO, an empty one: no callback, no reply


class Nudges:
    """Connections to `address`; `start` makes them speak while `is_busy` says so."""

    def __init__(self, address: str | tuple[str, int], family: int) -> None:
        self._connections = []
        for _ in range(COUNT):
            connection = socket.socket(family, socket.SOCK_STREAM)
            self._connections.append(connection)
            connection.connect(address)
            connection.sendall(_OFFER)
            connection.setblocking(False)
        self._ended = threading.Event()

    def start(self, is_busy: Callable[[], object]) -> None:
        """In a thread of its own, until `close`."""
        threading.Thread(target=self._run, args=(is_busy,), name="nudge", daemon=True).start()

    def _run(self, is_busy: Callable[[], object]) -> None:
        silent = 0.0
        for connection in itertools.cycle(self._connections):
            while not is_busy() and silent < KEEP / COUNT:
                if self._ended.wait(PACE):
                    return
                silent += PACE
            silent = 0.0
            if self._ended.wait(PACE):
                return
            with contextlib.suppress(OSError):  # full, as nobody reads; or the worker is ending
                connection.send(_COMMAND)

    def close(self) -> None:
        """End the sessions."""
        self._ended.set()
        for connection in self._connections:
            connection.close()

"""reader - the one thread of a stub: timers, TCP, and the replies that nobody waits for.

Owns:   Reader: the thread, its selector, the pipe that wakes it.
Not here: what is due and when (stub.py), replies that somebody waits for (inbox.py).
Rules of this file: nothing that is called here ends the thread; it would be the end of DNS for the process.
"""

from __future__ import annotations

import contextlib
import logging
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable

from filterd.dns.inbox import Inbox

log = logging.getLogger(__name__)

DOZE = 10  # milliseconds that replies may lie in the sockets for those who wait to read them
PAUSE = 0.2  # seconds after something odd


class Reader:
    """Calls `tick`, which says how long to sleep (None: until woken), and what is registered."""

    def __init__(
        self, inbox: Inbox, tick: Callable[[], float | None], ended: Callable[[], None]
    ) -> None:
        self.selector = (
            selectors.DefaultSelector()
        )  # only this thread touches it; data: a callable
        self._inbox = inbox
        self._tick = tick
        self._ended = ended
        self._is_stopping = False
        self._wake_end, self._wake = socket.socketpair()
        for end in (self._wake_end, self._wake):
            end.setblocking(False)
        self._doze = select.poll()
        self._doze.register(self._wake_end, select.POLLIN)
        self.selector.register(self._wake_end, selectors.EVENT_READ, self._drain)
        self.selector.register(inbox, selectors.EVENT_READ, self._collect)
        self._thread = threading.Thread(target=self._run, name="dns", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have `tick` called soon."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake.send(b"\x00")

    def stop(self) -> None:
        """End the thread; `ended` is its last deed."""
        self._is_stopping = True
        self.wake()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                for key, _ in self.selector.select(self._tick()):
                    key.data()
            except Exception:
                log.exception("the DNS reader met something odd and goes on")
                time.sleep(PAUSE)
        self._ended()
        self.selector.close()
        self._wake_end.close()
        self._wake.close()

    def _collect(self) -> None:
        """Whoever waits reads at once; leave it to him, and take what is left after a while."""
        self._doze.poll(DOZE)
        self._inbox.collect()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_end.recv(4096):
                pass

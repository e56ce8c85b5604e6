"""rounds - something done again and again beside the sessions of a worker.

Owns:   Rounds: one daemon thread that calls `work` every so many seconds until closed.
Rules of this file: what `work` raises is logged and the rounds go on; closing waits for a round under way.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("filterd.serve")

PATIENCE = 5.0  # seconds for the round under way when closing


class Rounds:
    """Start it after the fork: a thread does not cross one."""

    def __init__(self, work: Callable[[], object], seconds: float, name: str) -> None:
        self._work = work
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No more rounds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._work()
            except Exception:
                log.exception("%s failed", self._thread.name)

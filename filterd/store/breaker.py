"""breaker - a store that is down costs nobody anything until it is back.

Owns:   Breaker: the one place where a library's error becomes StoreUnavailable.
Rules of this file:
1. Closed: calls go through; `failures` in a row open it. Errors named in `passing` concern one key
   only and do not count.
2. Open: calls are refused at once. A background thread probes (half-open) every `probe_every` seconds
   and closes it when a probe succeeds; no message ever waits for a probe.
3. One log line when it opens, one when it closes.
4. After fork the child starts with what the parent knew; a probe thread of its own is started on demand.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from filterd.core.clock import Clock, SystemClock
from filterd.core.errors import StoreUnavailable
from filterd.core.stores import StoreHealth

log = logging.getLogger("filterd.store")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Breaker:
    """Guards every call of one store. Thread-safe; counters are approximate under races."""

    def __init__(
        self,
        probe: Callable[[], object],
        errors: tuple[type[Exception], ...],
        *,
        kind: str,
        where: str,
        passing: tuple[type[Exception], ...] = (),
        name: str = "state",
        failures: int = 3,
        probe_every: float = 0.5,
        clock: Clock | None = None,
    ) -> None:
        self._probe = probe
        self._errors = errors
        self._passing = passing
        self._kind = kind
        self._where = where
        self._name = name
        self._limit = failures
        self._probe_every = probe_every
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._is_open = False
        self._in_a_row = 0
        self._since = self._clock.now()
        self._last_error = ""
        self._calls = 0
        self._failures = 0
        self._average = 0.0
        self._prober: threading.Thread | None = None
        self._prober_pid = 0
        self._stop = threading.Event()

    def call(self, work: Callable[[*Ts], T], *arguments: *Ts, proves: bool = True) -> T:
        """What `work` returns of these arguments; StoreUnavailable when it fails, or at once while the store is down.

        `proves`: a success means that the store is well; reading from a full disk does not.
        """
        self._calls += 1
        if self._is_open:
            self._failures += 1
            self._watch()
            raise StoreUnavailable(self._last_error)
        started = time.perf_counter()
        try:
            result = work(*arguments)
        except self._errors as error:
            self._failed(error, counts=not isinstance(error, self._passing))
            raise StoreUnavailable(self._last_error) from error
        if proves:
            self._in_a_row = 0
        elapsed = (time.perf_counter() - started) * 1000
        self._average += (elapsed - self._average) * 0.05
        return result

    def health(self) -> StoreHealth:
        return StoreHealth(
            self._name,
            self._kind,
            self._where,
            is_available=not self._is_open,
            since=self._since,
            last_error=self._last_error,
            calls=self._calls,
            failures=self._failures,
            milliseconds=self._average,
        )

    def close(self) -> None:
        """End the probing."""
        self._stop.set()

    def _failed(self, error: Exception, *, counts: bool) -> None:
        text = str(error).split("\n", 1)[0][:200]
        self._last_error = f"{type(error).__name__}: {text}"
        self._failures += 1
        self._in_a_row += counts
        if self._in_a_row < self._limit:
            return
        with self._lock:
            if self._is_open:
                return
            self._is_open = True
            self._since = self._clock.now()
        log.warning(
            "store %s (%s at %s) is down, mail goes on without it: %s",
            self._name,
            self._kind,
            self._where,
            self._last_error,
        )
        self._watch()

    def _watch(self) -> None:
        """Have a probe thread, in this process; threads do not survive a fork."""
        if self._prober is not None and self._prober_pid == os.getpid():
            return
        with self._lock:
            if (
                self._prober is not None and self._prober_pid == os.getpid()
            ) or self._stop.is_set():
                return
            self._prober_pid = os.getpid()
            self._prober = threading.Thread(
                target=self._probe_until_back, name=f"probe-{self._name}", daemon=True
            )
            self._prober.start()

    def _probe_until_back(self) -> None:
        while not self._stop.wait(self._probe_every):
            try:
                self._probe()
            except self._errors as error:
                self._last_error = f"{type(error).__name__}: {str(error)[:200]}"
                continue
            down = self._clock.now() - self._since
            with self._lock:
                self._is_open = False
                self._in_a_row = 0
                self._since = self._clock.now()
                self._prober = None
            log.warning("store %s (%s) is back after %.1f s", self._name, self._kind, down)
            return

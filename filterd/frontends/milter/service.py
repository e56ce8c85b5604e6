"""service - libmilter in one worker process: registration, the listening socket, the main loop.

Owns:   the process-wide settings of libmilter; adopting a listener that the master opened; retiring.
Facts (measured, libmilter 8.17): libmilter keeps one static listening descriptor, unlinks its own
        unix path when it is told to stop, and takes TERM, HUP and INT in a thread of its own. So each
        worker opens a private listener nobody knows, puts the master's in its place with dup2, and
        retires by putting a dead one there: no path is unlinked, no session is stranded.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import milter

from filterd.core.stage import Stage
from filterd.frontends.milter import negotiate, nudge
from filterd.frontends.milter.session import MilterSession
from filterd.scan.scanner import Scanner

log = logging.getLogger("filterd.milter")

# Postfix sends fields of up to 102,400 bytes; libmilter resets the connection above 64 KiB unless told.
MAX_DATA_SIZE = (1 << 20) - 1  # libmilter: MILTER_MDS_1M, its largest
KICK = signal.SIGUSR2  # not one of those that libmilter takes
CALLBACK_TIMEOUT = 7210  # seconds libmilter waits for the MTA (its default)


class MilterService:
    """The milter front end of one worker. `run` returns when `retire` has let the last session go."""

    def __init__(self, scanner: Scanner, name: str, sleep: Callable[[float], bool]) -> None:
        self._scanner = scanner
        self._name = name
        self._sleep = sleep
        self._live: set[int] = set()
        self._listening = -1
        self._main_thread = 0
        self._nudges: nudge.Nudges | None = None
        self._own: list[int] = []  # the worker's sessions with itself
        self._turn = threading.Lock()  # of what libmilter listens on
        self._is_retired = False
        self.served = 0  # sessions ended
        self.hung_up = 0  # of them: without another command after an answer that was held

    @property
    def live(self) -> int:
        """Sessions in flight."""
        return len(self._live)

    def run(self, listener: socket.socket) -> None:
        """Serve connections of `listener` until the process is retired or told to stop."""
        ctypes.CDLL("libmilter.so.1.0.1").smfi_setmaxdatasize(ctypes.c_size_t(MAX_DATA_SIZE))
        milter.set_flags(negotiate.ACTIONS | milter.SETSYMLIST)
        milter.set_exception_policy(milter.TEMPFAIL)
        self._register(listener)
        self._main_thread = threading.get_ident()
        signal.signal(KICK, lambda _number, _frame: None)
        milter.settimeout(CALLBACK_TIMEOUT)
        self._nudges = self._open(listener.family)
        self._nudges.start(lambda: self._live)
        milter.main()

    def retire(self, patience: float) -> None:
        """Take no new connections, wait up to `patience` seconds for the live ones."""
        if self._listening < 0:  # told to stop before it began
            return
        dead = socket.socket(socket.AF_UNIX)
        dead.bind("")  # an abstract address nobody knows
        dead.listen(1)
        dead.setblocking(False)
        with self._turn:
            self._is_retired = True
            self._listen(dead)
        if self._nudges is not None:
            self._nudges.close()
        end = time.monotonic() + patience
        quiet_rounds = 0  # a connection accepted just now has not called back yet
        while time.monotonic() < end and quiet_rounds < 5:
            # a poll that began before dup2 keeps the old listener open, up to 5 s: interrupt it
            signal.pthread_kill(self._main_thread, KICK)
            quiet_rounds = 0 if self._live else quiet_rounds + 1
            time.sleep(0.02)
        if self._live:
            log.warning("%d sessions cut off after %.0f s", len(self._live), patience)

    # -- libmilter --------------------------------------------------------------------------

    def _register(self, listener: socket.socket) -> None:
        stages = frozenset(
            stage
            for profile in self._scanner.profiles.values()
            for stage in profile.plan.stages
            if stage is not Stage.EOM
        )

        def begin(ctx: Any, offer: list[int]) -> int:
            if len(self._own) < nudge.COUNT:  # nobody else knows where to connect yet
                self._own.append(id(ctx))
                if len(self._own) == nudge.COUNT:
                    self._adopt(listener)
                offer[:] = [0, 0, 0, 0]
                return milter.CONTINUE
            granted = negotiate.settle(ctx, offer, stages)
            session = MilterSession(ctx, self._scanner, self._sleep, granted)
            ctx.setpriv(session)
            self._live.add(id(session))
            return milter.CONTINUE

        def close(ctx: Any) -> int:
            session = ctx.getpriv()
            if session is not None:
                self.hung_up += session.was_held
                self._live.discard(id(session))
                self.served += 1
                ctx.setpriv(None)
            return milter.CONTINUE

        def guarded(name: str, method: Callable[..., int]) -> Callable[..., int]:
            def callback(ctx: Any, *args: Any) -> int:
                session = ctx.getpriv()
                try:
                    if name != "abort":  # an MTA says so too when the client is gone
                        session.was_held = False
                    return method(session, *args)
                except Exception as error:  # noqa: BLE001 - deferred and logged by broken()
                    return session.broken(name, error)  # type: ignore[no-any-return]

            return callback

        milter.set_connect_callback(guarded("connect", MilterSession.connect))
        milter.set_helo_callback(guarded("helo", MilterSession.helo))
        milter.set_envfrom_callback(guarded("mail", MilterSession.mail))
        milter.set_envrcpt_callback(guarded("rcpt", MilterSession.rcpt))
        milter.set_header_callback(guarded("header", MilterSession.field))
        milter.set_eoh_callback(guarded("eoh", MilterSession.end_of_header))
        milter.set_body_callback(guarded("body", MilterSession.body))
        milter.set_eom_callback(guarded("eom", MilterSession.end_of_message))
        milter.set_abort_callback(guarded("abort", MilterSession.abort))
        milter.set_close_callback(close)
        milter.register(self._name, negotiate=begin)

    def _open(self, family: int) -> nudge.Nudges:
        """Make libmilter listen where nobody comes but ourselves; our sessions wait there for `main`."""
        before = _listening_sockets()
        private: Path | None = None
        if family == socket.AF_UNIX:
            private = Path(tempfile.mkdtemp(prefix="filterd-")) / "private"
            milter.setconn(f"unix:{private}")
        elif family == socket.AF_INET6:
            milter.setconn("inet6:0@::1")
        else:
            milter.setconn("inet:0@127.0.0.1")
        milter.opensocket(True)
        fresh = _listening_sockets() - before
        if len(fresh) != 1:
            raise RuntimeError(f"libmilter opened {len(fresh)} listening sockets, expected 1")
        self._listening = fresh.pop()
        with socket.socket(fileno=os.dup(self._listening)) as listening:
            nudges = nudge.Nudges(listening.getsockname(), family)
        if private is not None:
            private.unlink(missing_ok=True)
            private.parent.rmdir()
        return nudges

    def _adopt(self, listener: socket.socket) -> None:
        """Listen for the MTA."""
        listener.setblocking(False)  # several workers wake up, one accepts, the others go on
        with self._turn:
            if not self._is_retired:
                self._listen(listener)
        listener.close()  # one descriptor, so that retiring lets go of it

    def _listen(self, listener: socket.socket) -> None:
        os.dup2(listener.fileno(), self._listening)
        # a poll that began before keeps the old listener open, up to 5 s: interrupt it
        signal.pthread_kill(self._main_thread, KICK)


def _listening_sockets() -> set[int]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as copy:
                if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.add(number)
        except OSError:
            continue
    return found


class DelayGate:
    """At most so many sessions held at once; over it, or on a busy machine, nobody is held.

    `busy` is the load average (one minute, a core) above which holding would starve other mail.
    """

    def __init__(
        self, places: int, leaving: threading.Event | None = None, busy: float = 2.0
    ) -> None:
        self._places = places
        self._leaving = leaving or threading.Event()
        self._busy = busy * (os.cpu_count() or 1)
        self._lock = threading.Lock()
        self.held = 0  # sessions held now
        self.total = 0  # answers held since the start

    def __call__(self, seconds: float) -> bool:
        """Wait that long; False when there was no place or the worker is leaving."""
        if os.getloadavg()[0] > self._busy:
            return False
        with self._lock:
            if self.held >= self._places:
                return False
            self.held += 1
            self.total += 1
        try:
            return not self._leaving.wait(seconds)
        finally:
            with self._lock:
                self.held -= 1

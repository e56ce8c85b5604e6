"""master - the single-threaded parent: forks workers, replaces the dead, changes generations.

Owns:   the life of all workers; SIGTERM/SIGINT (stop), SIGHUP (reload), SIGCHLD (reap); status.json.
Rules of this file: never calls libmilter, never starts a thread. A generation that cannot be built
        leaves the running one alone. The new generation is up before the old one is told to leave, and
        the old one's sessions go on; but not those of many generations at once.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filterd.core.errors import ConfigError
from filterd.serve import notify, worker
from filterd.serve.lifeline import Lifeline
from filterd.serve.sockets import Listen, Listeners
from filterd.serve.worker import Job

log = logging.getLogger("filterd.serve")

RESPAWN_BURST = 5  # deaths of one job within RESPAWN_WINDOW that are replaced at once
RESPAWN_WINDOW = 10.0  # seconds
RESPAWN_PAUSE = 1.0  # seconds between replacements beyond the burst
LINGERING = 2  # generations before the running one whose sessions may go on at leisure
TICK = 1.0  # seconds between looks at files and workers


@dataclass(frozen=True, slots=True)
class Generation:
    """What one reading of settings, rules and model makes the workers do."""

    jobs: Sequence[Job]
    patience: float  # seconds that the workers wait for their sessions at a stop
    facts: Mapping[str, Any]  # for status.json: files, rules, model, checks
    changed: Callable[[], str] = lambda: ""  # what has changed on disk since, "" for nothing
    again: Callable[[], Generation] | None = None  # of the same settings, when that has changed
    content: Any = None  # what it was made of, for `news` of the next
    news: Callable[[Any], str] = lambda _content: ""  # what differs from that content
    summary: str = ""


def _said(ask: Callable[..., Any], *arguments: Any) -> Any:
    """What it says, None when it raises: what stands beside the service must not end it."""
    try:
        return ask(*arguments)
    except Exception:
        log.exception("going on without an answer")
        return None


@dataclass(slots=True)
class _Child:
    job: Job
    pid: int
    lifeline: Lifeline
    generation: int
    since: float
    retiring: bool = False


@dataclass(slots=True)
class Master:
    """`build` makes a generation (and may raise ConfigError); `run` serves until told to stop."""

    build: Callable[[], Generation]
    status_file: Path
    wall: Callable[[], float]
    after_bind: Callable[[], None] = lambda: None  # drop privileges
    on_death: Callable[[int], object] = lambda _pid: None  # forget a dead worker's metrics
    _children: dict[int, _Child] = field(default_factory=dict)
    _deaths: dict[str, list[float]] = field(default_factory=dict)
    _listeners: Listeners = field(default_factory=Listeners)
    _sockets: dict[Listen, socket.socket] = field(default_factory=dict)
    _number: int = 0
    _restarts: int = 0
    _reload_problem: str = ""
    _asked: set[int] = field(default_factory=set)
    _current: Generation | None = None

    def run(self) -> int:
        """Serve; return the exit status. ConfigError at the first build passes through."""
        started = self.wall()
        generation = self.build()
        self._sockets = self._listeners.settle(job.listen for job in generation.jobs)
        self.after_bind()
        wake_reading, wake_writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_writing, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda signum, _frame: self._asked.add(signum))
        self._install(generation)
        self._write_status(started)
        notify.ready(generation.summary)
        try:
            while not self._asked & {signal.SIGTERM, signal.SIGINT}:
                self._tick(wake_reading)
                self._write_status(started)
                notify.watchdog()
        finally:
            notify.stopping()
            self._stop()
            self.status_file.unlink(missing_ok=True)
        return 0

    # -- one turn ---------------------------------------------------------------------------

    def _tick(self, wake: int) -> None:
        readable, _, _ = select.select([wake], [], [], TICK)
        if readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
        self._reap()
        if signal.SIGHUP in self._asked:
            self._asked.discard(signal.SIGHUP)
            self._reload("SIGHUP", self.build)
        elif (current := self._current) is not None and (changed := _said(current.changed)):
            self._reload(changed, current.again or self.build)
        self._replace()

    def _reload(self, cause: str, build: Callable[[], Generation]) -> None:
        notify.reloading()
        try:
            generation = build()
            self._sockets = self._listeners.settle(job.listen for job in generation.jobs)
        except ConfigError as error:
            self._refuse(cause, str(error))
        except Exception as error:  # a mistake of ours must not end the service
            log.exception("reload (%s) failed", cause)
            self._refuse(cause, f"{type(error).__name__}: {error}")
        else:
            self._reload_problem = ""
            before = self._current.content if self._current is not None else None
            old = [c for c in self._children.values() if not c.retiring]
            self._install(generation)
            for child in old:
                child.retiring = True
                child.lifeline.release()
            for child in self._children.values():
                if child.generation < self._number - LINGERING:
                    child.lifeline.cut()
            told = "; ".join(filter(None, (generation.summary, generation.news(before))))
            log.info("reload (%s): generation %d; %s", cause, self._number, told)
        notify.ready(self._current.summary if self._current else "")

    def _refuse(self, cause: str, problem: str) -> None:
        self._reload_problem = problem
        log.error("reload (%s) refused, the running generation stays:\n%s", cause, problem)

    def _install(self, generation: Generation) -> None:
        self._current = generation
        self._number += 1
        gc.collect()
        gc.freeze()  # what the workers share is not touched by their collectors
        for job in generation.jobs:
            for _ in range(job.count):
                self._spawn(job)

    def _spawn(self, job: Job) -> None:
        assert self._current is not None
        lifeline: Lifeline | None = None
        try:
            lifeline = Lifeline.make()
            pid = os.fork()
        except (
            OSError
        ) as error:  # out of descriptors, processes or memory: the next turn tries again
            log.error("no %s worker can be started: %s", job.name, error.strerror)
            if lifeline is not None:
                lifeline.held_by_master()
                lifeline.cut()
            return
        if pid == 0:
            for child in self._children.values():
                child.lifeline.cut()  # the master's ends of the others, or they would never end
            for listen, other in self._sockets.items():
                if listen != job.listen:
                    other.close()
            worker.live(job, self._sockets[job.listen], lifeline, self._current.patience)
        lifeline.held_by_master()
        self._children[pid] = _Child(job, pid, lifeline, self._number, self.wall())

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue
            child.lifeline.cut()
            _said(self.on_death, pid)
            if not child.retiring:
                self._restarts += 1
                self._deaths.setdefault(child.job.name, []).append(time.monotonic())
                code = os.waitstatus_to_exitcode(status)
                log.error(
                    "%s worker %d died (status %d), replacing it", child.job.name, pid, code
                )

    def _replace(self) -> None:
        if self._current is None:
            return
        now = time.monotonic()
        for job in self._current.jobs:
            alive = sum(1 for c in self._children.values() if c.job is job and not c.retiring)
            deaths = [t for t in self._deaths.get(job.name, ()) if now - t < RESPAWN_WINDOW]
            self._deaths[job.name] = deaths
            for _ in range(job.count - alive):
                if len(deaths) > RESPAWN_BURST and now - deaths[-1] < RESPAWN_PAUSE:
                    break  # it dies as soon as it lives; the next turn tries again
                self._spawn(job)

    def _stop(self) -> None:
        """Close the doors, let every session end, then make sure."""
        for child in self._children.values():
            child.retiring = True
            child.lifeline.cut()
        self._listeners.close()
        patience = self._current.patience if self._current is not None else 0.0
        end = time.monotonic() + patience + 2
        while self._children and time.monotonic() < end:
            self._reap()
            select.select([], [], [], 0.02)
        for pid in list(self._children):
            log.warning("worker %d does not leave; killed", pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _write_status(self, started: float) -> None:
        current = self._current
        status = {
            "pid": os.getpid(),
            "started": started,
            "generation": self._number,
            "restarts": self._restarts,
            "reload_problem": self._reload_problem,
            "written": self.wall(),
            "workers": [
                {
                    "pid": child.pid,
                    "job": child.job.name,
                    "generation": child.generation,
                    "since": child.since,
                    "retiring": child.retiring,
                }
                for child in self._children.values()
            ],
            **(current.facts if current is not None else {}),
        }
        fresh = self.status_file.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(status), encoding="utf-8")
            fresh.replace(self.status_file)
        except OSError as error:
            log.warning("cannot write %s: %s", self.status_file, error)

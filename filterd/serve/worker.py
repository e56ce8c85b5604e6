"""worker - the child's side: a life of its own in the process group, one job, an orderly end.

Owns:   Job (what a worker does), the signals and the leaving of a worker.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from filterd.serve.lifeline import Lifeline
from filterd.serve.sockets import Listen

log = logging.getLogger("filterd.serve")

# Seconds that a thread computes before another may. Python's 5 ms make sixteen sessions take turns in the middle
# of each scan: 10 % more CPU a message at 32 connections. With one connection and DNS at 20 ms no difference.
TURN = 0.02

# seconds that the sessions of a generation go on after a reload: a client may take minutes for its
# DATA, and what is cut off is deferred
LEISURE = 600.0


class Running(Protocol):
    """A front end at work in a worker."""

    def run(self, listener: socket.socket) -> None:
        """Serve until retired; may also return early when it cannot go on."""
        ...

    def retire(self, patience: float) -> None:
        """Called from another thread: take nothing new, return when the rest is done."""
        ...

    def close(self) -> None:
        """After the last session: flush and release."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of worker: its name, how many, where it listens, how it is started (in the child)."""

    name: str
    count: int
    listen: Listen
    start: Callable[[], Running]


def live(job: Job, listener: socket.socket, lifeline: Lifeline, patience: float) -> None:
    """Be the worker; never returns."""
    code = 0
    try:
        os.setpgid(0, 0)  # a ^C on the terminal is for the master
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        sys.setswitchinterval(TURN)
        lifeline.held_by_worker()
        running = job.start()
        leaver = threading.Thread(
            target=_leave, args=(running, lifeline, patience), name="lifeline", daemon=True
        )
        leaver.start()
        running.run(listener)
        running.close()
    except BaseException:  # the master counts the death and puts another in its place
        log.exception("%s worker stops", job.name)
        code = 1
    finally:
        _exit(code)


def _leave(running: Running, lifeline: Lifeline, patience: float) -> None:
    has_time = lifeline.wait()
    if has_time:
        hurry = threading.Thread(target=_hurry, args=(running, lifeline, patience), daemon=True)
        hurry.start()
    _end(running, LEISURE if has_time else patience)


def _hurry(running: Running, lifeline: Lifeline, patience: float) -> None:
    """The end of a leisurely retirement, when the service stops before it is over."""
    while lifeline.wait():
        pass
    time.sleep(patience)
    _end(running, 0.0)


def _end(running: Running, patience: float) -> None:
    code = 0
    try:
        running.retire(patience)
        running.close()
    except Exception:
        log.exception("worker could not end well")
        code = 1
    _exit(code)


def _exit(code: int) -> None:
    """Leave without libmilter's exit code, which would unlink and abort."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

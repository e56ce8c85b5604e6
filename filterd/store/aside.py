"""aside - a database that provably is none any more is put aside, so that a new one is begun.

Owns:   Undertaker: when a file is looked at, what proves that it is corrupt, its new name.
Not here: opening it anew (database: a file that was replaced is noticed within a second).
Rules of this file: a file that is locked, unreadable, of a newer version or merely slow is left alone;
        nothing is deleted; nobody's mail waits. For state that a filter can begin anew (greylist,
        history), never for labels that people gave.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("filterd.store")

PROOF_SECONDS = 60.0  # for reading the whole file; 1 GB takes about 10
AGAIN_SECONDS = 300.0  # until a file that proved to be sound is looked at again
STEPS = 100_000  # of SQLite's machine between two looks at the clock
_WRONG = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def says_corrupt(error: Exception) -> bool:
    """Whether SQLite means the file itself, not a lock, the disk or the statement."""
    return (
        isinstance(error, sqlite3.DatabaseError)
        and getattr(error, "sqlite_errorcode", 0) & 0xFF in _WRONG
    )


class Undertaker:
    """Looks after one file, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 0.0
        self._lock = threading.Lock()

    def notice(self, error: Exception) -> None:
        """Called with what an access failed of; returns at once."""
        now = time.monotonic()
        with self._lock:
            if not says_corrupt(error) or now < self._next:
                return
            self._next = now + AGAIN_SECONDS
        threading.Thread(target=self._look, name="corrupt", daemon=True).start()

    def _look(self) -> None:
        try:
            folder = os.open(self._path.parent, os.O_RDONLY)
        except OSError:
            return
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of all processes that notice, one at a time
            if is_corrupt(self._path):
                self._put_aside()
        except OSError as error:
            log.warning("%s is corrupt and cannot be put aside: %s", self._path, error)
        finally:
            os.close(folder)

    def _put_aside(self) -> None:
        number = int(self._path.stat().st_mtime)
        aside = self._path.with_name(f"{self._path.name}.corrupt-{number}")
        for ending in ("-wal", "-shm", ""):  # last the file: a new one must not meet an old log
            with suppress(FileNotFoundError):
                Path(f"{self._path}{ending}").rename(f"{aside}{ending}")
        log.error(
            "%s was corrupt and is now %s; a new one is begun, what it held is forgotten",
            self._path,
            aside.name,
        )


def is_corrupt(path: Path) -> bool:
    """Whether the file, read from end to end, is no sound database; False where that cannot be told."""
    if not path.exists():
        return False
    deadline = time.monotonic() + PROOF_SECONDS
    connection = sqlite3.connect(path, timeout=1.0)
    try:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        return says_corrupt(error)
    finally:
        connection.close()
    return bool(found != "ok")

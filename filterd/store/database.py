"""database - the door to SQLite: connections, transactions, limits of time.

Owns:   Database: a small pool of WAL connections to one file, opened on first use in each process.
Rules of this file:
1. Nothing is opened before the fork; connections of a parent are neither used nor closed by a child
   (sqlite.org "How to corrupt": a connection must not cross a fork).
2. A transaction that writes takes the write lock at its begin, waits at most `timeout` for it, and is
   short. Threads of one process wait for each other with a lock of ours, at most as long again: SQLite
   polls, and would hold a connection for each of them. WAL with synchronous=NORMAL: a power cut may lose the last moments, never the file.
3. A file that was removed or replaced is noticed within a second and opened anew; a corrupt one that
   can be done without is put aside (aside).
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filterd.store.aside import Undertaker

T = TypeVar("T")

MAX_OPEN = 4  # connections of a process; each costs 300 kB, and they are in use for 0.1 ms
LOOK_EVERY = 1.0  # seconds between looks at the file's inode
BUSY_STEP = 2  # ms
CACHE = 200  # kB of pages a connection keeps; SQLite's default is 2 MB, for each thread's own

ERRORS: tuple[type[Exception], ...] = (sqlite3.Error, OSError)


class Database:
    """One file. Thread-safe: each call has a connection to itself."""

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        timeout: float,
        version: int,
        additions: str = "",
        is_expendable: bool = False,
    ) -> None:
        self.path = path
        self._schema = schema
        self._additions = additions  # one statement that may be repeated, for files of before
        self._undertaker = Undertaker(path) if is_expendable else None
        self._timeout = timeout
        self._version = version
        self._pid = 0
        self._inode = 0
        self._looked = 0.0
        self._forget()
        self._orphans: list[object] = []  # of a parent process: kept, never touched

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns; each of its statements sees the newest committed state."""
        self._look()
        return self._lend(work)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, its changes committed together or not at all."""

        def transaction(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
            return result

        self._look()
        writing = self._writing
        if not writing.acquire(timeout=self._timeout):
            raise sqlite3.OperationalError("database is locked by other threads")
        try:
            return self._lend(transaction)
        finally:
            writing.release()

    def close(self) -> None:
        """Close what is idle; the next use opens anew."""
        if self._pid == os.getpid():
            while self._idle:
                self._idle.pop().close()

    def _lend(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns with a connection; after an error it is closed, which rolls back."""
        places = self._places
        try:
            places.get(timeout=self._timeout)
        except queue.Empty:
            raise sqlite3.OperationalError("all connections are in use") from None
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open()
            try:
                result = work(connection)
            except BaseException:
                _discard(connection)
                raise
            self._idle.append(connection)
            return result
        except sqlite3.DatabaseError as error:
            if self._undertaker is not None:
                self._undertaker.notice(error)
            raise
        finally:
            places.put(None)

    def _forget(self) -> None:
        """Begin with no connection."""
        self._idle: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(MAX_OPEN):
            self._places.put(None)

    def _look(self) -> None:
        """Notice a fork at once, and within a second that the file is another."""
        now = time.monotonic()
        pid = os.getpid()
        if pid != self._pid:
            self._orphans.append(self._idle)
            self._forget()
            self._pid = pid
            self._looked = 0.0
        if now - self._looked > LOOK_EVERY:
            self._looked = now
            try:
                inode = self.path.stat().st_ino
            except FileNotFoundError:
                inode = 0
            if inode != self._inode:
                self.close()
                self._inode = inode

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._timeout,
            isolation_level=None,  # transactions are begun and ended above
            check_same_thread=False,  # one thread at a time has it
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA cache_size=-{CACHE}")
            if version < self._version:
                self._create(connection)
            elif version > self._version:
                raise sqlite3.DatabaseError(
                    f"{self.path} was written by a newer version (schema {version})"
                )
            if self._additions:
                connection.execute(self._additions)
            if not self._inode:
                self._inode = self.path.stat().st_ino
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        """Make the tables; another process may be doing the same."""
        deadline = time.monotonic() + self._timeout
        while True:  # switching to WAL does not honour the busy timeout
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_STEP / 1000)
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < self._version:
            for statement in self._schema.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._version}")
        connection.execute("COMMIT")


def _discard(connection: sqlite3.Connection) -> None:
    """Close after an error; what it had begun is rolled back by that."""
    try:
        connection.close()
    except sqlite3.Error:
        return

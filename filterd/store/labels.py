"""labels - the journal of labels in SQLite: append-only events, copies of the mail, what was learned.

Owns:   SqliteJournal (core.labels.JournalStore), its tables.
Not here: which label holds (core.labels.standing), what learning does (classify.learner).
Copies are compressed and can be switched off or dropped; events stay.
"""

from __future__ import annotations

import itertools
import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from sys import intern
from typing import TypeVar

from filterd.core.errors import StoreUnavailable
from filterd.core.labels import JournalSession, Kind, LabelEvent, Learned, Rehearsed, standing
from filterd.store.database import ERRORS, Database

T = TypeVar("T")

VERSION = 2
SCHEMA = """
CREATE TABLE event (position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, at REAL, digest BLOB,
    user TEXT, origin TEXT, name TEXT, source TEXT, since REAL, feed TEXT);
CREATE INDEX event_digest ON event (digest);
CREATE INDEX event_user ON event (user, at);
CREATE INDEX event_retract ON event (kind) WHERE kind = 'retract';
CREATE TABLE copy (digest BLOB PRIMARY KEY, mail BLOB);
CREATE TABLE learned (live TEXT, digest BLOB, spam INTEGER, steps BLOB, PRIMARY KEY (live, digest))
    WITHOUT ROWID;
CREATE TABLE rehearsed (live TEXT, cause BLOB, digest BLOB, spam INTEGER, steps BLOB);
CREATE INDEX rehearsed_cause ON rehearsed (live, cause);
CREATE INDEX rehearsed_digest ON rehearsed (live, digest)
"""
TIMEOUT = (
    20.0  # seconds to wait for another learner's transaction; nobody's mail waits meanwhile
)
COLUMNS = "kind, at, digest, user, origin, name, source, since, position"
BATCH = 500  # rows fetched at a time


def _event(row: tuple[str, float, bytes, str, str, str, str, float, int]) -> LabelEvent:
    kind, at, digest, user, origin, name, source, since, position = row
    return LabelEvent(
        Kind(kind),
        at,
        bytes(digest),
        intern(user),
        origin,
        name,
        intern(source),
        since,
        position,
    )


def _packed(steps: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(steps)}d", *steps)


def _unpacked(steps: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(steps) // 8}d", steps)


def _place(feed: str) -> tuple[int, int]:
    """A place in the common order (MILLISECONDS-NUMBER) that can be compared."""
    milliseconds, _, number = feed.partition("-")
    return int(milliseconds or 0), int(number or 0)


class Session:
    """One transaction (core.labels.JournalSession)."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def append(self, event: LabelEvent, feed: str = "") -> int:
        cursor = self._db.execute(
            "INSERT INTO event (kind, at, digest, user, origin, name, source, since, feed)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            (
                event.kind.value,
                event.at,
                event.digest,
                event.user,
                event.origin,
                event.name,
                event.source,
                event.since,
                feed,
            ),
        )
        return int(cursor.lastrowid or 0)

    def last_fed(self) -> str:
        row = self._db.execute(
            "SELECT feed FROM event WHERE feed != '' ORDER BY position DESC LIMIT 1"
        ).fetchone()
        return str(row[0]) if row else ""

    def position_of(self, feed: str) -> int:
        wanted = _place(feed)
        rows = self._db.execute("SELECT position, feed FROM event ORDER BY position DESC")
        for position, found in rows:
            if found and _place(found) <= wanted:
                return int(position)
        return 0

    def keep(self, digest: bytes, copy: bytes) -> None:
        self._db.execute("INSERT OR IGNORE INTO copy VALUES (?,?)", (digest, copy))

    def drop(self, digest: bytes) -> None:
        self._db.execute("DELETE FROM copy WHERE digest=?", (digest,))

    def copy(self, digest: bytes) -> bytes | None:
        row = self._db.execute("SELECT mail FROM copy WHERE digest=?", (digest,)).fetchone()
        return bytes(row[0]) if row else None

    def of(self, digest: bytes) -> Sequence[LabelEvent]:
        query = f"SELECT {COLUMNS} FROM event WHERE digest=? ORDER BY position"  # noqa: S608
        return [_event(row) for row in self._db.execute(query, (digest,))]

    def retractions(self) -> Sequence[LabelEvent]:
        query = f"SELECT {COLUMNS} FROM event WHERE kind='retract' ORDER BY position"  # noqa: S608
        return [_event(row) for row in self._db.execute(query)]

    def after(self, position: int, limit: int) -> Sequence[LabelEvent]:
        query = f"SELECT {COLUMNS} FROM event WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608
        return [_event(row) for row in self._db.execute(query, (position, limit))]

    def said_by(self, user: str, since: float) -> Sequence[bytes]:
        rows = self._db.execute(
            "SELECT DISTINCT digest FROM event WHERE user=? AND at>=? AND kind!='retract'",
            (user, since),
        )
        return sorted(bytes(digest) for (digest,) in rows)

    def learned(self, live: str, digest: bytes) -> Learned | None:
        row = self._db.execute(
            "SELECT spam, steps FROM learned WHERE live=? AND digest=?", (live, digest)
        ).fetchone()
        if row is None:
            return None
        return Learned(bool(row[0]), _unpacked(row[1]))

    def set_learned(self, live: str, digest: bytes, learned: Learned | None) -> None:
        if learned is None:
            self._db.execute("DELETE FROM learned WHERE live=? AND digest=?", (live, digest))
            return
        self._db.execute(
            "INSERT OR REPLACE INTO learned VALUES (?,?,?,?)",
            (live, digest, learned.is_spam, _packed(learned.steps)),
        )

    def clear_learned(self, live: str) -> None:
        self._db.execute("DELETE FROM learned WHERE live=?", (live,))
        self._db.execute("DELETE FROM rehearsed WHERE live=?", (live,))

    def note_rehearsed(self, live: str, rehearsed: Sequence[Rehearsed]) -> None:
        self._db.executemany(
            "INSERT INTO rehearsed VALUES (?,?,?,?,?)",
            [(live, r.cause, r.digest, r.is_spam, _packed(r.steps)) for r in rehearsed],
        )

    def take_rehearsed(self, live: str, digest: bytes) -> Sequence[Rehearsed]:
        rows = self._db.execute(
            "DELETE FROM rehearsed WHERE live=?1 AND cause=?2 OR live=?1 AND digest=?2"
            " RETURNING cause, digest, spam, steps",
            (live, digest),
        ).fetchall()
        return [Rehearsed(bytes(c), bytes(d), bool(s), _unpacked(p)) for c, d, s, p in rows]


class SqliteJournal:
    """One file; thread-safe, and safe between processes."""

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        self.path = path
        self._database = Database(path, SCHEMA, timeout=timeout, version=VERSION)

    def write(self, work: Callable[[JournalSession], None]) -> None:
        self._guard(lambda: self._database.write(lambda db: work(Session(db))))

    def read(self, work: Callable[[JournalSession], None]) -> None:
        self._guard(lambda: self._database.read(lambda db: work(Session(db))))

    def last(self) -> int:
        query = "SELECT coalesce(max(position), 0) FROM event"
        return self._guard(
            lambda: self._database.read(lambda db: int(db.execute(query).fetchone()[0]))
        )

    def standing(self) -> Iterator[LabelEvent]:
        """The event that holds of every labelled message, oldest label first."""

        def find(db: sqlite3.Connection) -> list[LabelEvent]:
            retractions = Session(db).retractions()
            rows = db.execute(
                f"SELECT {COLUMNS} FROM event WHERE kind!='retract' ORDER BY digest, position"  # noqa: S608
            )
            rows.arraysize = BATCH
            events = map(_event, rows)
            found = (
                standing(group, retractions)
                for _, group in itertools.groupby(events, key=lambda event: event.digest)
            )
            return [event for event in found if event is not None]

        held = self._guard(lambda: self._database.read(find))
        held.sort(key=lambda event: (event.at, event.digest))
        return iter(held)

    def copy(self, digest: bytes) -> bytes | None:
        """The kept message, compressed."""
        return self._guard(lambda: self._database.read(lambda db: Session(db).copy(digest)))

    def close(self) -> None:
        self._database.close()

    def _guard(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except ERRORS as error:
            raise StoreUnavailable(f"{self.path}: {error}") from error

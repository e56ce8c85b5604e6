"""sqlite_archive - recorded verdicts in a SQLite file of their own, written by all workers.

Owns:   SqliteArchive, its tables. Its write lock is not that of the greylist.
Rules of this file: row numbers are given under the write lock, so block n holds rows 512 n to
        512 n + 511 and whoever writes the last of them seals it.
Not here: what is in a row or a block (archive, record).
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from filterd.core.stores import StoreHealth
from filterd.store.archive import BLOCK, BUCKETS, GROUPS, Bounds, Row, seal
from filterd.store.breaker import Breaker
from filterd.store.database import ERRORS, Database

T = TypeVar("T")

VERSION = 1
SCHEMA = """
CREATE TABLE fresh (id INTEGER PRIMARY KEY, at REAL, terms BLOB, line BLOB);
CREATE TABLE block (id INTEGER PRIMARY KEY, first REAL, last REAL);
CREATE TABLE posting (id INTEGER PRIMARY KEY, entries BLOB);
CREATE TABLE body (id INTEGER PRIMARY KEY, packed BLOB);
CREATE TABLE probe (id INTEGER PRIMARY KEY, at REAL)
"""


class SqliteArchive:
    """An Archive (archive.Archive)."""

    def __init__(
        self, path: Path, *, timeout: float = 1.0, failures: int = 3, probe_every: float = 0.5
    ) -> None:
        self._database = Database(
            path, SCHEMA, timeout=timeout, version=VERSION, is_expendable=True
        )
        self._breaker = Breaker(
            self._probe,
            ERRORS,
            kind="sqlite",
            where=str(path),
            name="history",
            failures=failures,
            probe_every=probe_every,
        )

    def append(self, rows: Sequence[Row]) -> None:
        def work(db: sqlite3.Connection) -> None:
            start = next_row = _next_row(db)
            for row in rows:
                db.execute(
                    "INSERT INTO fresh VALUES (?,?,?,?)",
                    (
                        next_row,
                        row.at,
                        struct.pack(f"<{len(row.terms)}I", *row.terms),
                        row.line,
                    ),
                )
                next_row += 1
            for block in range(start // BLOCK, next_row // BLOCK):
                _seal(db, block)

        self._breaker.call(lambda: self._database.write(work))

    def fresh(self) -> Sequence[Row]:
        query = "SELECT at, terms, line FROM fresh ORDER BY id"
        found = self._read(lambda db: db.execute(query).fetchall())
        return [_row(*row) for row in found]

    def blocks(self) -> Sequence[Bounds]:
        query = "SELECT id, first, last FROM block ORDER BY id DESC"
        return [Bounds(*row) for row in self._read(lambda db: db.execute(query).fetchall())]

    def postings(self, blocks: Sequence[int], bucket: int) -> Mapping[int, bytes]:
        query = "SELECT entries FROM posting WHERE id=?"

        def work(db: sqlite3.Connection) -> Mapping[int, bytes]:
            found = {}
            for block in blocks:
                row = db.execute(query, (block * BUCKETS + bucket,)).fetchone()
                if row is not None:
                    found[block] = row[0]
            return found

        return self._read(work)

    def groups(self, wanted: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        query = "SELECT packed FROM body WHERE id=?"

        def work(db: sqlite3.Connection) -> Sequence[bytes]:
            rows = (db.execute(query, (b * GROUPS + g,)).fetchone() for b, g in wanted)
            return [row[0] if row else b"" for row in rows]

        return self._read(work)

    def drop(self, blocks: Sequence[int]) -> None:
        for block in blocks:  # a transaction each: the lock is held for milliseconds

            def work(db: sqlite3.Connection, block: int = block) -> None:
                db.execute("DELETE FROM block WHERE id=?", (block,))
                for table, width in (("posting", BUCKETS), ("body", GROUPS)):
                    db.execute(
                        f"DELETE FROM {table} WHERE id BETWEEN ? AND ?",  # noqa: S608
                        (block * width, block * width + width - 1),
                    )

            self._breaker.call(lambda work=work: self._database.write(work))  # type: ignore[misc]

    def tidy(self) -> None:
        """Nothing is left: rows are sealed in the step that writes them."""

    def health(self) -> StoreHealth:
        return self._breaker.health()

    def close(self) -> None:
        self._breaker.close()
        self._database.close()

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._breaker.call(lambda: self._database.read(work), proves=False)

    def _probe(self) -> None:
        self._database.write(
            lambda db: db.execute("INSERT OR REPLACE INTO probe VALUES (1, unixepoch())")
        )


def _next_row(db: sqlite3.Connection) -> int:
    (last,) = db.execute("SELECT max(id) FROM fresh").fetchone()
    if last is not None:
        return int(last) + 1
    (block,) = db.execute("SELECT max(id) FROM block").fetchone()
    return (int(block) + 1) * BLOCK if block is not None else 0


def _seal(db: sqlite3.Connection, block: int) -> None:
    first, last = block * BLOCK, block * BLOCK + BLOCK - 1
    query = "SELECT at, terms, line FROM fresh WHERE id BETWEEN ? AND ? ORDER BY id"
    sealed = seal([_row(*row) for row in db.execute(query, (first, last))])
    db.execute("INSERT INTO block VALUES (?,?,?)", (block, sealed.first, sealed.last))
    db.executemany(
        "INSERT INTO posting VALUES (?,?)",
        ((block * BUCKETS + n, entries) for n, entries in enumerate(sealed.postings)),
    )
    db.executemany(
        "INSERT INTO body VALUES (?,?)",
        ((block * GROUPS + n, packed) for n, packed in enumerate(sealed.groups)),
    )
    db.execute("DELETE FROM fresh WHERE id BETWEEN ? AND ?", (first, last))


def _row(at: float, terms: bytes, line: bytes) -> Row:
    return Row(at, frozenset(struct.unpack(f"<{len(terms) // 4}I", terms)), line)

"""sqlite - the stores in one file shared by all workers of a machine: the embedded default.

Owns:   SqliteState (greylist, rates, correspondents, traps), its tables.
Rules of this file: what can be answered by reading takes no write lock; expired rows are swept a few
        at a time by whoever writes, so no call is ever long.
Not here: connections and errors (database, breaker), the rules of greylisting (triplet).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any, TypeVar

from filterd.core.stores import (
    Bucket,
    Fact,
    Greylisted,
    LedgerDay,
    Numbers,
    Standing,
    StoreHealth,
    StoreRow,
    Terms,
    ZonePause,
)
from filterd.store.breaker import Breaker
from filterd.store.database import ERRORS, Database
from filterd.store.glimpse import Glimpses
from filterd.store.keys import Seal
from filterd.store.ledger import DAY, KEEP, as_days, delay_name, score_name
from filterd.store.reading import Reading, level_of
from filterd.store.triplet import Client, Delivery, Step, step

T = TypeVar("T")

VERSION = 1
SCHEMA = """
CREATE TABLE triplet (key TEXT PRIMARY KEY, first REAL, attempts INTEGER, passed REAL, used REAL,
    expires REAL) WITHOUT ROWID;
CREATE TABLE client (key TEXT PRIMARY KEY, passes INTEGER, counted REAL, expires REAL) WITHOUT ROWID;
CREATE TABLE ledger (day INTEGER, name TEXT, count INTEGER, PRIMARY KEY (day, name)) WITHOUT ROWID;
CREATE TABLE bucket (key TEXT PRIMARY KEY, level REAL, at REAL, expires REAL) WITHOUT ROWID;
CREATE TABLE correspondent (key TEXT PRIMARY KEY, at REAL, expires REAL) WITHOUT ROWID;
CREATE TABLE trap (key TEXT PRIMARY KEY, expires REAL) WITHOUT ROWID;
CREATE TABLE probe (id INTEGER PRIMARY KEY, at REAL)
"""
# Came later; a program of before passes it over, so that going back to one needs nothing.
ADDITIONS = """
CREATE TABLE IF NOT EXISTS pause (zone TEXT PRIMARY KEY, until REAL, reason TEXT, refusals INTEGER)
    WITHOUT ROWID
"""
SWEEP_EVERY = 64  # writes of this process; then one of the five tables in turn
SWEEP_LOOK = 2_000  # rows looked at in key order, 0.3 ms: an index by expiry would cost every write 20 us
SWEEP_DROP = 500  # dropped of them, 2 ms; 320 writes add at most 320
SWEPT = ("triplet", "client", "bucket", "correspondent", "trap")
IMPORT_ROWS = 2_000  # in one transaction: others get the write lock in between
EXPORT_ROWS = 2_000
COLUMNS = {
    "triplet": ("key", "first", "attempts", "passed", "used", "expires"),
    "client": ("key", "passes", "counted", "expires"),
    "ledger": ("day", "name", "count"),
    "bucket": ("key", "level", "at", "expires"),
    "correspondent": ("key", "at", "expires"),
    "trap": ("key", "expires"),
}


def _put(table: str, columns: Sequence[str], keys: int = 1) -> str:
    """Write a row over what is there: in its place, half of what REPLACE (delete and insert) costs."""
    marks, key = ",".join("?" * len(columns)), ",".join(columns[:keys])
    rest = ", ".join(f"{column} = excluded.{column}" for column in columns[keys:])
    return f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {rest}"  # noqa: S608


PUT = {
    table: _put(table, columns, 2 if table == "ledger" else 1)
    for table, columns in COLUMNS.items()
}
GET_DELIVERY = (
    "SELECT passes, counted, client.expires, first, attempts, passed, used, triplet.expires"
    " FROM (SELECT ? AS key) AS asked LEFT JOIN client USING (key) LEFT JOIN triplet ON triplet.key IN"
)
PUT_PAUSE = _put("pause", ("zone", "until", "reason", "refusals"))
COUNT = (
    "INSERT INTO ledger VALUES (?,?,1) ON CONFLICT (day, name) DO UPDATE SET count = count + 1"
)


class SqliteState(Reading):
    """Thread-safe, and safe between processes."""

    is_distant = False

    def __init__(
        self,
        path: Path,
        *,
        seal: Seal | None = None,
        timeout: float = 0.15,
        failures: int = 3,
        probe_every: float = 0.5,
    ) -> None:
        self._seal = seal or Seal()
        self._database = Database(
            path,
            SCHEMA,
            timeout=timeout,
            version=VERSION,
            additions=ADDITIONS,
            is_expendable=True,
        )
        self._breaker = Breaker(
            self.probe,
            ERRORS,
            kind="sqlite",
            where=str(path),
            failures=failures,
            probe_every=probe_every,
        )
        self._glimpses = Glimpses()
        self._writes = 0
        self._swept = dict.fromkeys(SWEPT, "")  # how far the sweep has come, by key

    # -- greylist

    def attempt(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        sealed = self._seal.triplets(client, deliveries)
        client = self._seal(client)
        look = self._read(lambda db: _step(db, client, sealed, now, terms))
        if look.is_read_only:
            return look.answer

        def work(db: sqlite3.Connection) -> Greylisted:
            done = _step(db, client, sealed, now, terms)
            if done.deliveries is not None:
                for key, delivery in zip(sealed, done.deliveries, strict=True):
                    db.execute(PUT["triplet"], (key, *delivery))
            if done.client is not None:
                db.execute(PUT["client"], (client, *done.client))
            answer = done.answer
            day = int(answer.first_seen // DAY)
            if answer.standing is Standing.FIRST:
                db.execute(COUNT, (day, "deferred"))
            elif answer.standing is Standing.PASSED:
                db.execute(COUNT, (day, "returned"))
                db.execute(COUNT, (day, delay_name(now - answer.first_seen)))
            return answer

        return self._write(work, now)

    def look(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        sealed = self._seal.triplets(client, deliveries)
        client = self._seal(client)
        return self._read(lambda db: _step(db, client, sealed, now, terms)).answer

    def content(self, first_seen: float, score: float) -> None:
        row = (int(first_seen // DAY), score_name(score))
        self._write(lambda db: db.execute(COUNT, row), first_seen)

    def ledger(self, since: float) -> Sequence[LedgerDay]:
        query = "SELECT day, name, count FROM ledger WHERE day >= ?"
        return as_days(
            self._read(lambda db: db.execute(query, (int(since // DAY),)).fetchall())
        )

    # -- rates, correspondents, traps

    def recall(self, facts: Sequence[Fact]) -> Sequence[Numbers]:
        sealed = [(kind, self._seal(key)) for kind, key in facts]
        found = self._read(lambda db: _recalled(db, sealed))
        numbers = [found.get(each, ()) for each in sealed]
        for (kind, key), each in zip(facts, numbers, strict=True):
            if kind == "bucket":
                self._glimpses.note(key, each)
        return numbers

    def charge(self, buckets: Sequence[Bucket], cost: float, now: float) -> Sequence[float]:
        sealed = [self._seal(bucket.key) for bucket in buckets]

        def work(db: sqlite3.Connection) -> Sequence[float]:
            levels = [level + cost for level in _levels(db, sealed, buckets, now)]
            if all(map(_fits, levels, buckets)):
                db.executemany(
                    PUT["bucket"], map(_filled, sealed, buckets, levels, repeat(now))
                )
            return levels

        levels = self._write(work, now)
        for bucket, level in zip(buckets, levels, strict=True):
            self._glimpses.note(bucket.key, (level, now))
        return levels

    def fill(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        self.charge(buckets, cost, now)

    def glimpse(self, bucket: Bucket, now: float) -> float:
        return self._glimpses.look(bucket, now)

    def refund(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        sealed = [self._seal(bucket.key) for bucket in buckets]

        def work(db: sqlite3.Connection) -> None:
            levels = [max(0.0, n - cost) for n in _levels(db, sealed, buckets, now)]
            db.executemany(PUT["bucket"], map(_filled, sealed, buckets, levels, repeat(now)))

        self._write(work, now)

    def sent(self, keys: Sequence[str], now: float, seconds: float) -> None:
        rows = [(self._seal(key), now, now + seconds) for key in keys]
        self._write(lambda db: db.executemany(PUT["correspondent"], rows), now)

    def spring(self, keys: Sequence[str], now: float, seconds: float) -> None:
        rows = [(self._seal(key), now + seconds) for key in keys]
        self._write(lambda db: db.executemany(PUT["trap"], rows), now)

    # -- pauses

    def pause(self, pause: ZonePause, now: float) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            row = db.execute("SELECT until FROM pause WHERE zone=?", (pause.zone,)).fetchone()
            if row is None or float(row[0]) < pause.until:
                db.execute(PUT_PAUSE, (pause.zone, pause.until, pause.reason, pause.refusals))
            return row is None or float(row[0]) <= now

        return self._write(work, now)

    def resume(self, zone: str) -> bool:
        drop = "DELETE FROM pause WHERE zone=?"
        return self._write(lambda db: db.execute(drop, (zone,)).rowcount > 0, 0.0)

    def pauses(self, now: float) -> Sequence[ZonePause]:
        query = "SELECT zone, until, reason, refusals FROM pause WHERE until > ?"
        rows = self._read(lambda db: db.execute(query, (now,)).fetchall())
        return [ZonePause(*row) for row in rows]

    # -- moving

    def export_rows(self) -> Iterator[StoreRow]:
        """Every row, a page at a time in key order; writers are not held up."""
        for table, columns in COLUMNS.items():
            width = 2 if table == "ledger" else 1
            key = ", ".join(columns[:width])
            marks = ",".join("?" * width)
            query = (
                f"SELECT * FROM {table} WHERE ({key}) > ({marks}) ORDER BY {key}"  # noqa: S608
                f" LIMIT {EXPORT_ROWS}"
            )
            last: tuple[Any, ...] = (-1, "")[:width] if width == 2 else ("",)
            while rows := self._page(query, last):
                for row in rows:
                    name = " ".join(str(part) for part in row[:width])
                    yield StoreRow(table, name, tuple(row[width:]))
                last = rows[-1][:width]

    def _page(self, query: str, last: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._read(lambda db: db.execute(query, last).fetchall())

    def import_rows(self, rows: Iterable[StoreRow]) -> int:
        pending = (row for row in rows if row.kind in COLUMNS)
        count = 0
        while chunk := list(islice(pending, IMPORT_ROWS)):
            self._write(partial(self._import, rows=chunk), 0.0)
            count += len(chunk)
        return count

    def _import(self, db: sqlite3.Connection, rows: list[StoreRow]) -> None:
        for row in rows:
            if row.kind == "ledger":
                day, _, name = row.key.partition(" ")
                db.execute(PUT["ledger"], (int(day), name, int(row.values[0])))
            else:
                is_triplet = row.kind == "triplet"
                key = self._seal.parts(row.key) if is_triplet else self._seal(row.key)
                db.execute(PUT[row.kind], (key, *row.values))

    # -- the rest

    def probe(self) -> None:
        """Write something; raises what sqlite3 raises."""
        self._database.write(
            lambda db: db.execute("INSERT OR REPLACE INTO probe VALUES (1, unixepoch())")
        )

    def health(self) -> StoreHealth:
        return self._breaker.health()

    def close(self) -> None:
        self._breaker.close()
        self._database.close()

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._breaker.call(lambda: self._database.read(work), proves=False)

    def _write(self, work: Callable[[sqlite3.Connection], T], now: float) -> T:
        self._writes += 1
        if self._writes % SWEEP_EVERY == 0 and now:
            table = SWEPT[self._writes // SWEEP_EVERY % len(SWEPT)]

            def swept(db: sqlite3.Connection) -> T:
                self._swept[table] = _sweep(db, table, self._swept[table], now)
                return work(db)

            return self._breaker.call(lambda: self._database.write(swept))
        return self._breaker.call(lambda: self._database.write(work))


def _recalled(
    db: sqlite3.Connection, sealed: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Numbers]:
    """What is there of these kinds and keys; one statement a kind, which halves the cost of three."""
    found: dict[tuple[str, str], Numbers] = {}
    for kind in dict.fromkeys(kind for kind, _ in sealed):
        keys = [key for each, key in sealed if each == kind]
        for row in db.execute(_of_keys(f"SELECT * FROM {kind} WHERE key IN", len(keys)), keys):  # noqa: S608
            found[kind, row[0]] = row[1:]
    return found


def _levels(
    db: sqlite3.Connection, sealed: Sequence[str], buckets: Sequence[Bucket], now: float
) -> list[float]:
    found = _recalled(db, [("bucket", key) for key in sealed])
    held = [found.get(("bucket", key), ()) for key in sealed]
    return [level_of(*each) for each in zip(buckets, held, repeat(now))]


@lru_cache(maxsize=256)
def _of_keys(query: str, count: int) -> str:
    """The query for so many keys: one statement is one transaction, with its locks, instead of several."""
    return f"{query} ({','.join('?' * count)})"


def _fits(level: float, bucket: Bucket) -> bool:
    return level <= bucket.burst


def _filled(key: str, bucket: Bucket, level: float, now: float) -> tuple[Any, ...]:
    """The row of a bucket that holds `level` now; it may go when all of that has leaked."""
    return key, level, now, now + level * bucket.period / bucket.limit


def _step(
    db: sqlite3.Connection, client: str, keys: Sequence[str], now: float, terms: Terms
) -> Step:
    rows = db.execute(_of_keys(GET_DELIVERY, len(keys)), (client, *keys)).fetchall()
    known = Client._make(rows[0][:3]) if rows[0][0] is not None else None
    found: list[Delivery | None] = [
        Delivery._make(row[3:]) for row in rows if row[3] is not None
    ]
    found += [None] * (len(keys) - len(found))  # in which order does not matter
    return step(found, known, now, terms)


def _sweep(db: sqlite3.Connection, table: str, after: str, now: float) -> str:
    """Drop what has expired among the next rows in key order; the key to go on from, "" at the end."""
    query = f"SELECT key, expires FROM {table} WHERE key > ? ORDER BY key LIMIT {SWEEP_LOOK}"  # noqa: S608
    rows = db.execute(query, (after,)).fetchall()
    dead = [(key,) for key, expires in rows if expires <= now][:SWEEP_DROP]
    db.executemany(f"DELETE FROM {table} WHERE key=?", dead)  # noqa: S608
    if table == "client":
        db.execute("DELETE FROM ledger WHERE day < ?", (int((now - KEEP) // DAY),))
    if len(dead) == SWEEP_DROP:
        return str(dead[-1][0])
    return str(rows[-1][0]) if len(rows) == SWEEP_LOOK else ""

"""dmarc - DMARC results until they are reported: in memory, or in a file shared by the workers.

Owns:   MemoryReports, SqliteReports (core.stores.DmarcReportStore), open_reports, pack, unpack.
Rules of this file: one write a message, no read on the way; a day holds at most MAX_RESULTS distinct
        results, so a flood of forged authors cannot fill a disk.
Not here: what is reported and to whom (auth.report); several machines with one store (redis_dmarc). A file
        is one machine's: with several files each reports what it received itself, as RFC 9990 allows.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Protocol, TypeVar

from filterd.core.stores import DmarcReportStore, DmarcSeen
from filterd.store.breaker import Breaker
from filterd.store.database import ERRORS, Database
from filterd.store.settings import StoreSettings

T = TypeVar("T")

DAY = 86400
MAX_RESULTS = 500_000  # distinct ones a day; about 300 bytes each
PAGE = 1_000
VERSION = 2  # 2 adds the claims
SCHEMA = """
CREATE TABLE IF NOT EXISTS result (day INTEGER, domain TEXT, seen TEXT, count INTEGER,
    PRIMARY KEY (day, domain, seen)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (day INTEGER PRIMARY KEY, results INTEGER);
CREATE TABLE claim (day INTEGER, name TEXT, until REAL, PRIMARY KEY (day, name)) WITHOUT ROWID
"""
COUNT = "UPDATE result SET count = count + 1 WHERE day=? AND domain=? AND seen=?"
ADD = "INSERT INTO result VALUES (?,?,?,1)"
NEXT = (
    "SELECT domain, seen, count FROM result WHERE day=? AND (domain, seen) > (?,?)"
    " ORDER BY domain, seen LIMIT ?"
)
TOTAL = """
INSERT INTO total VALUES (?,1) ON CONFLICT (day) DO UPDATE SET results = results + 1 RETURNING results
"""
CLAIM = """
INSERT INTO claim VALUES (?,?,?) ON CONFLICT (day, name) DO UPDATE SET until = excluded.until
    WHERE until <= ?
"""
HOLD = "INSERT OR REPLACE INTO claim VALUES (?,?,?)"


class Reports(DmarcReportStore, Protocol):
    """What open_reports gives."""

    def close(self) -> None: ...


_FIELDS = tuple(field.name for field in fields(DmarcSeen))


def pack(seen: DmarcSeen) -> str:
    """A result as text, the same for equal ones."""
    return json.dumps(astuple(seen), separators=(",", ":"))


def unpack(text: str) -> DmarcSeen:
    """The result that `pack` made text of."""
    values = dict(zip(_FIELDS, json.loads(text), strict=True))
    values["reasons"] = tuple((kind, comment) for kind, comment in values["reasons"])
    values["signatures"] = tuple(
        (d, s, found, why) for d, s, found, why in values["signatures"]
    )
    values["spf_checked"] = tuple(values["spf_checked"])
    return DmarcSeen(**values)


class MemoryReports:
    """In this process only: for tests, and for a store that is said to forget."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._days: dict[int, Counter[DmarcSeen]] = {}
        self._claims: dict[tuple[int, str], float] = {}

    def add(self, seen: DmarcSeen, now: float) -> None:
        with self._lock:
            counts = self._days.setdefault(int(now // DAY), Counter())
            if seen in counts or len(counts) < MAX_RESULTS:
                counts[seen] += 1

    def days(self) -> Sequence[int]:
        with self._lock:
            return sorted(day for day, counts in self._days.items() if counts)

    def results(self, day: int) -> Iterator[tuple[DmarcSeen, int]]:
        with self._lock:
            found = list(self._days.get(day, Counter()).items())
        return iter(sorted(found, key=lambda item: item[0].policy_domain))

    def drop(self, day: int, policy_domain: str = "") -> None:
        with self._lock:
            if policy_domain:
                counts = self._days.get(day, Counter())
                for seen in [seen for seen in counts if seen.policy_domain == policy_domain]:
                    del counts[seen]
            else:
                for old in [known for known in self._days if known <= day]:
                    del self._days[old]
                for key in [key for key in self._claims if key[0] <= day]:
                    del self._claims[key]

    def claim(self, day: int, name: str, now: float, seconds: float) -> bool:
        with self._lock:
            if self._claims.get((day, name), 0.0) > now:
                return False
            self._claims[day, name] = now + seconds
            return True

    def hold(self, day: int, name: str, now: float, seconds: float) -> None:
        with self._lock:
            self._claims[day, name] = now + seconds

    def close(self) -> None:
        """Nothing to close."""


class SqliteReports:
    """One file, thread-safe and safe between processes."""

    def __init__(self, path: Path, *, timeout: float = 0.15) -> None:
        self._database = Database(
            path, SCHEMA, timeout=timeout, version=VERSION, is_expendable=True
        )
        self._breaker = Breaker(
            self._probe,
            ERRORS,
            kind="sqlite",
            where=str(path),
            name="dmarc",
        )

    def add(self, seen: DmarcSeen, now: float) -> None:
        day = int(now // DAY)
        key = (day, seen.policy_domain, pack(seen))

        def work(db: sqlite3.Connection) -> None:
            if db.execute(COUNT, key).rowcount == 0:
                (total,) = db.execute(TOTAL, (day,)).fetchone()
                if total <= MAX_RESULTS:
                    db.execute(ADD, key)

        self._write(work)

    def days(self) -> Sequence[int]:
        query = "SELECT DISTINCT day FROM result ORDER BY day"
        return [day for (day,) in self._read(lambda db: db.execute(query).fetchall())]

    def results(self, day: int) -> Iterator[tuple[DmarcSeen, int]]:
        last = ("", "")
        while rows := self._page((day, *last, PAGE)):
            for _, seen, count in rows:
                yield unpack(seen), count
            last = rows[-1][:2]

    def drop(self, day: int, policy_domain: str = "") -> None:
        def work(db: sqlite3.Connection) -> None:
            if policy_domain:
                db.execute("DELETE FROM result WHERE day=? AND domain=?", (day, policy_domain))
            else:
                db.execute("DELETE FROM result WHERE day<=?", (day,))
                db.execute("DELETE FROM total WHERE day<=?", (day,))
                db.execute("DELETE FROM claim WHERE day<=?", (day,))

        self._write(work)

    def claim(self, day: int, name: str, now: float, seconds: float) -> bool:
        values = (day, name, now + seconds, now)
        return self._write(lambda db: db.execute(CLAIM, values).rowcount == 1)

    def hold(self, day: int, name: str, now: float, seconds: float) -> None:
        self._write(lambda db: db.execute(HOLD, (day, name, now + seconds)))

    def close(self) -> None:
        """Close connections; the next use opens anew."""
        self._breaker.close()
        self._database.close()

    def _probe(self) -> None:
        self._database.read(lambda db: db.execute("SELECT 1 FROM total LIMIT 1").fetchone())

    def _page(self, values: tuple[int, str, str, int]) -> list[tuple[str, str, int]]:
        return self._read(lambda db: db.execute(NEXT, values).fetchall())

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._breaker.call(lambda: self._database.read(work))

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._breaker.call(lambda: self._database.write(work))


def open_reports(settings: StoreSettings, state_dir: Path) -> Reports:
    """The results of this machine, or of all that share a Redis; connects on first use."""
    if settings.kind == "redis":
        from filterd.store.redis_dmarc import RedisReports

        return RedisReports(settings)
    return SqliteReports(state_dir / "dmarc.sqlite")

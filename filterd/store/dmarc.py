"""dmarc - DMARC results until they are reported: in memory, or in a file shared by the workers.

Owns:   MemoryReports, SqliteReports (core.stores.DmarcReportStore), open_reports.
Rules of this file: one write a message, no read on the way; a day holds at most MAX_RESULTS distinct
        results, so a flood of forged authors cannot fill a disk.
Not here: what is reported and to whom (auth.report). The file is one machine's: with several, each reports
        what it received itself, as RFC 9990 allows.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import TypeVar

from filterd.core.stores import DmarcSeen
from filterd.store.breaker import Breaker
from filterd.store.database import ERRORS, Database

T = TypeVar("T")

DAY = 86400
MAX_RESULTS = 500_000  # distinct ones a day; about 300 bytes each
PAGE = 1_000
VERSION = 1
SCHEMA = """
CREATE TABLE result (day INTEGER, domain TEXT, seen TEXT, count INTEGER,
    PRIMARY KEY (day, domain, seen)) WITHOUT ROWID;
CREATE TABLE total (day INTEGER PRIMARY KEY, results INTEGER)
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


_FIELDS = tuple(field.name for field in fields(DmarcSeen))


def _pack(seen: DmarcSeen) -> str:
    return json.dumps(astuple(seen), separators=(",", ":"))


def _unpack(text: str) -> DmarcSeen:
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


class SqliteReports:
    """One file, thread-safe and safe between processes."""

    def __init__(self, path: Path, *, timeout: float = 0.15) -> None:
        self._database = Database(path, SCHEMA, timeout=timeout, version=VERSION)
        self._breaker = Breaker(
            self._probe,
            ERRORS,
            kind="sqlite",
            where=str(path),
            name="dmarc",
        )

    def add(self, seen: DmarcSeen, now: float) -> None:
        day = int(now // DAY)
        key = (day, seen.policy_domain, _pack(seen))

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
                yield _unpack(seen), count
            last = rows[-1][:2]

    def drop(self, day: int, policy_domain: str = "") -> None:
        def work(db: sqlite3.Connection) -> None:
            if policy_domain:
                db.execute("DELETE FROM result WHERE day=? AND domain=?", (day, policy_domain))
            else:
                db.execute("DELETE FROM result WHERE day<=?", (day,))
                db.execute("DELETE FROM total WHERE day<=?", (day,))

        self._write(work)

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


def open_reports(state_dir: Path) -> SqliteReports:
    """The results of this machine; connects on first use."""
    return SqliteReports(state_dir / "dmarc.sqlite")

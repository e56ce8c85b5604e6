"""memory - the stores in one process: the reference, for tests, `scan` and the last resort.

Owns:   MemoryState (greylist, rates, correspondents, traps in one object).
Rules of this file: bounded; what has expired goes first, then what is oldest.
Not here: anything shared between processes; verdicts (store.archive).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

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
from filterd.store.keys import Seal
from filterd.store.ledger import DAY, as_days, delay_name, score_name
from filterd.store.reading import Reading, level_of
from filterd.store.triplet import Client, Delivery, step

MAX_ENTRIES = 200_000  # of one kind; about 40 MB each

V = TypeVar("V", bound=tuple[float, ...])


class MemoryState(Reading):
    """Thread-safe; every method holds one lock."""

    is_distant = False

    def __init__(self, seal: Seal | None = None, max_entries: int = MAX_ENTRIES) -> None:
        self._seal = seal or Seal()
        self._max = max_entries
        self._lock = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}
        self._clients: dict[str, Client] = {}
        self._ledger: Counter[tuple[int, str]] = Counter()
        self._buckets: dict[str, tuple[float, float, float]] = {}  # level, at, expires
        self._sent: dict[str, tuple[float, float]] = {}  # at, expires
        self._traps: dict[str, tuple[float]] = {}  # expires
        self._tables: Mapping[str, Mapping[str, Numbers]] = {
            "bucket": self._buckets,
            "correspondent": self._sent,
            "trap": self._traps,
        }
        self._pauses: dict[str, ZonePause] = {}  # as many as there are lists in the settings

    # -- greylist

    def attempt(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        sealed = self._seal.triplets(client, deliveries)
        client = self._seal(client)
        with self._lock:
            done = step(
                [self._deliveries.get(key) for key in sealed],
                self._clients.get(client),
                now,
                terms,
            )
            if done.deliveries is not None:
                for key, delivery in zip(sealed, done.deliveries, strict=True):
                    self._put(self._deliveries, key, delivery, now)
            if done.client is not None:
                self._put(self._clients, client, done.client, now)
            answer = done.answer
            day = int(answer.first_seen // DAY)
            if answer.standing is Standing.FIRST:
                self._ledger[day, "deferred"] += 1
            elif answer.standing is Standing.PASSED:
                self._ledger[day, "returned"] += 1
                self._ledger[day, delay_name(now - answer.first_seen)] += 1
            return answer

    def look(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        sealed = self._seal.triplets(client, deliveries)
        with self._lock:
            known = [self._deliveries.get(key) for key in sealed]
            return step(known, self._clients.get(self._seal(client)), now, terms).answer

    def content(self, first_seen: float, score: float) -> None:
        with self._lock:
            self._ledger[int(first_seen // DAY), score_name(score)] += 1

    def ledger(self, since: float) -> Sequence[LedgerDay]:
        with self._lock:
            return as_days(
                (day, name, count)
                for (day, name), count in self._ledger.items()
                if day >= since // DAY
            )

    # -- rates, correspondents, traps

    def recall(self, facts: Sequence[Fact]) -> Sequence[Numbers]:
        with self._lock:
            return [self._tables[kind].get(self._seal(key), ()) for kind, key in facts]

    def charge(self, buckets: Sequence[Bucket], cost: float, now: float) -> Sequence[float]:
        with self._lock:
            levels = [self._level(bucket, now) + cost for bucket in buckets]
            if all(
                level <= bucket.burst for level, bucket in zip(levels, buckets, strict=True)
            ):
                for level, bucket in zip(levels, buckets, strict=True):
                    self._fill(bucket, level, now)
            return levels

    def fill(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        self.charge(buckets, cost, now)

    def glimpse(self, bucket: Bucket, now: float) -> float:
        return self._level(bucket, now)

    def refund(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        with self._lock:
            for bucket in buckets:
                self._fill(bucket, max(0.0, self._level(bucket, now) - cost), now)

    def _level(self, bucket: Bucket, now: float) -> float:
        return level_of(bucket, self._buckets.get(self._seal(bucket.key), ()), now)

    def _fill(self, bucket: Bucket, level: float, now: float) -> None:
        empty = now + level * bucket.period / bucket.limit
        self._put(self._buckets, self._seal(bucket.key), (level, now, empty), now)

    def sent(self, keys: Sequence[str], now: float, seconds: float) -> None:
        with self._lock:
            for key in keys:
                self._put(self._sent, self._seal(key), (now, now + seconds), now)

    def spring(self, keys: Sequence[str], now: float, seconds: float) -> None:
        with self._lock:
            for key in keys:
                self._put(self._traps, self._seal(key), (now + seconds,), now)

    # -- pauses

    def pause(self, pause: ZonePause, now: float) -> bool:
        with self._lock:
            known = self._pauses.get(pause.zone)
            is_news = known is None or known.until <= now
            if known is None or known.until < pause.until:
                self._pauses[pause.zone] = pause
            return is_news

    def resume(self, zone: str) -> bool:
        with self._lock:
            return self._pauses.pop(zone, None) is not None

    def pauses(self, now: float) -> Sequence[ZonePause]:
        with self._lock:
            return [pause for pause in self._pauses.values() if pause.until > now]

    # -- moving

    def export_rows(self) -> Iterator[StoreRow]:
        with self._lock:
            rows = [
                *(StoreRow("triplet", k, tuple(v)) for k, v in self._deliveries.items()),
                *(StoreRow("client", k, tuple(v)) for k, v in self._clients.items()),
                *(
                    StoreRow("ledger", f"{day} {name}", (count,))
                    for (day, name), count in self._ledger.items()
                ),
                *(StoreRow("bucket", k, v) for k, v in self._buckets.items()),
                *(StoreRow("correspondent", k, v) for k, v in self._sent.items()),
                *(StoreRow("trap", k, v) for k, v in self._traps.items()),
            ]
        return iter(rows)

    def import_rows(self, rows: Iterable[StoreRow]) -> int:
        count = 0
        with self._lock:
            for row in rows:
                is_triplet = row.kind == "triplet"
                key = self._seal.parts(row.key) if is_triplet else self._seal(row.key)
                values = row.values
                match row.kind:
                    case "triplet":
                        first, attempts, passed, used, expires = values
                        self._deliveries[key] = Delivery(
                            first, int(attempts), passed, used, expires
                        )
                    case "client":
                        passes, counted, expires = values
                        self._clients[key] = Client(int(passes), counted, expires)
                    case "ledger":
                        day, _, name = row.key.partition(" ")
                        self._ledger[int(day), name] = int(values[0])
                    case "bucket":
                        level, at, expires = values
                        self._buckets[key] = (level, at, expires)
                    case "correspondent":
                        at, expires = values
                        self._sent[key] = (at, expires)
                    case "trap":
                        self._traps[key] = (values[0],)
                    case _:
                        continue
                count += 1
        return count

    # -- the rest

    def probe(self) -> None:
        """Memory answers always."""

    def health(self) -> StoreHealth:
        return StoreHealth("state", "memory", "this process", is_available=True)

    def close(self) -> None:
        """Nothing to close."""

    def _put(self, table: dict[str, V], key: str, value: V, now: float) -> None:
        """Write; when the table is full, drop what has expired, else the oldest tenth."""
        if len(table) >= self._max and key not in table:
            dead = [k for k, v in table.items() if v[-1] <= now]
            if len(dead) < self._max // 10:
                dead = list(table)[: self._max // 10]
            for k in dead:
                del table[k]
        table[key] = value

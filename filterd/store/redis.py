"""redis - the stores in Redis or Valkey, shared by the workers of several machines.

Owns:   RedisState (greylist, rates, correspondents, traps); where each kind of key lives.
Rules of this file:
1. Keys are PREFIX:1:{TAG}:KIND:NAME. A client's triplets, its passes and its share of the ledger
   have one tag of 64, so one script sees them on one node of a cluster; all buckets share a tag
   because one charge fills several (a script costs the server 10 us: one node carries any mail flow).
2. One round trip a call, none where there is nothing to ask; none to wait for either where a write has no
   answer that matters (`fill`, `refund`, `content`). What must be known or kept is waited for.
Not here: servers and connections (door, link), the scripts (script).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

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
from filterd.store.door import Door
from filterd.store.glimpse import Glimpses
from filterd.store.keys import Seal
from filterd.store.ledger import DAY, KEEP, as_days, score_name
from filterd.store.link import Link
from filterd.store.reading import Reading
from filterd.store.script import ATTEMPT, CHARGE, PAUSE, REFUND
from filterd.store.server import Command
from filterd.store.settings import StoreSettings
from filterd.store.triplet import TOUCH, Client, Delivery, step

SHARDS = 64
PAGE = 1_000  # rows exported or imported at a time
PLAIN = frozenset({"triplet", "client", "bucket", "correspondent", "trap"})
STANDINGS = {standing.value.encode(): standing for standing in Standing}


class RedisState(Reading):
    """Thread-safe, and safe between processes and machines."""

    is_distant = True

    def __init__(self, settings: StoreSettings, seal: Seal | None = None) -> None:
        self._seal = seal or Seal()
        self._door = Door(settings, "state", self._write_everywhere)
        self._root = self._door.root
        self._glimpses = Glimpses()

    # -- greylist

    def attempt(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        place, keys = self._delivery(client, deliveries)
        keys.insert(0, f"{place}ledger")
        standing, first, attempts, passes = self._door.run(
            ATTEMPT, keys, now, *_texts(*terms, TOUCH, DAY, KEEP)
        )
        return Greylisted(STANDINGS[standing], float(first), int(attempts), int(passes))

    def look(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        _, keys = self._delivery(client, deliveries)
        replies = self._door.values(keys)
        numbers = _numbers(replies[0])
        known = Client(int(numbers[0]), numbers[1], numbers[2]) if numbers else None
        rows = [_numbers(reply) for reply in replies[1:]]
        found = [Delivery(r[0], int(r[1]), r[2], r[3], r[4]) if r else None for r in rows]
        return step(found, known, now, terms).answer

    def _delivery(self, client: str, deliveries: Sequence[str]) -> tuple[str, list[str]]:
        """The place of a client's keys; the keys of its passes and of the triplets."""
        client = self._seal(client)
        place = self._shard(client)
        triplets = self._seal.triplets(client, deliveries)
        return place, [f"{place}client:{client}", *(f"{place}triplet:{t}" for t in triplets)]

    def content(self, first_seen: float, score: float) -> None:
        key = f"{self._shard('')}ledger"
        name = f"{int(first_seen // DAY)} {score_name(score)}"
        self._door.post(key, ("HINCRBY", key, name, 1))

    def ledger(self, since: float) -> Sequence[LedgerDay]:
        keys = [f"{self._root}{{{shard}}}:ledger" for shard in range(SHARDS)]
        replies = self._door.many([("HGETALL", key) for key in keys])
        counters = (
            (int(day), name, int(count))
            for reply in replies
            for field, count in _pairs(reply)
            for day, _, name in [field.partition(" ")]
            if name
        )
        return as_days(c for c in counters if c[0] >= since // DAY)

    # -- rates, correspondents, traps

    def recall(self, facts: Sequence[Fact]) -> Sequence[Numbers]:
        replies = self._door.values([self._key(kind, self._seal(key)) for kind, key in facts])
        numbers = [_numbers(reply) for reply in replies]
        for (kind, key), each in zip(facts, numbers, strict=True):
            if kind == "bucket":
                self._glimpses.note(key, each)
        return numbers

    def charge(self, buckets: Sequence[Bucket], cost: float, now: float) -> Sequence[float]:
        if not buckets:
            return []
        keys, arguments = self._buckets(buckets)
        reply = self._door.run(CHARGE, keys, now, cost, *arguments)
        levels = [float(level) for level in reply]
        for bucket, level in zip(buckets, levels, strict=True):
            self._glimpses.note(bucket.key, (level, now))
        return levels

    def fill(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        if not buckets:
            return
        keys, arguments = self._buckets(buckets)
        self._door.post(keys[0], CHARGE.whole(keys, (now, cost, *arguments)))
        for bucket in buckets:
            self._glimpses.added(bucket, cost, now)

    def glimpse(self, bucket: Bucket, now: float) -> float:
        return self._glimpses.look(bucket, now)

    def refund(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        if buckets:
            keys, arguments = self._buckets(buckets)
            self._door.post(keys[0], REFUND.whole(keys, (now, cost, *arguments)))

    def _buckets(self, buckets: Sequence[Bucket]) -> tuple[list[str], list[str]]:
        keys = [self._key("bucket", self._seal(bucket.key)) for bucket in buckets]
        return keys, [text for b in buckets for text in _texts(b.limit, b.period, b.burst)]

    def sent(self, keys: Sequence[str], now: float, seconds: float) -> None:
        self._remember("correspondent", keys, (now, now + seconds), seconds)

    def spring(self, keys: Sequence[str], now: float, seconds: float) -> None:
        self._remember("trap", keys, (now + seconds,), seconds)

    def _remember(
        self, kind: str, keys: Sequence[str], values: tuple[float, ...], seconds: float
    ) -> None:
        named = (self._key(kind, self._seal(key)) for key in keys)
        self._door.many([_set(key, values, seconds) for key in named])

    # -- pauses

    def pause(self, pause: ZonePause, now: float) -> bool:
        key = f"{self._root}pauses"
        value = f"{_text(pause.until)} {pause.refusals} {pause.reason}"
        return bool(self._door.run(PAUSE, [key], now, pause.zone, _text(pause.until), value))

    def resume(self, zone: str) -> bool:
        return bool(self._door.call("HDEL", f"{self._root}pauses", zone))

    def pauses(self, now: float) -> Sequence[ZonePause]:
        reply = self._door.call("HGETALL", f"{self._root}pauses")
        found = []
        for zone, value in _pairs(reply):
            until, refusals, reason = value.split(" ", 2)
            if float(until) > now:
                found.append(ZonePause(zone, float(until), reason, int(refusals)))
        return found

    # -- moving

    def export_rows(self) -> Iterator[StoreRow]:
        """Every row, a page at a time; what is written meanwhile may come twice or not at all."""
        for page in self._door.pages():
            named = [(key.decode(), *self._parsed(key.decode())) for key in page]
            wanted = [item for item in named if item[1] in PLAIN]
            values = self._door.values([key for key, _, _ in wanted])
            for (_, kind, name), value in zip(wanted, values, strict=True):
                if value is not None:
                    yield StoreRow(kind, name, _numbers(value))
        for day in self.ledger(0):
            counts = {"deferred": day.deferred, "returned": day.returned}
            counts |= {f"d{bucket}": count for bucket, count in day.delays.items()}
            counts |= {f"s{bucket}": count for bucket, count in day.scores.items()}
            for name, count in counts.items():
                if count:
                    yield StoreRow("ledger", f"{day.day} {name}", (count,))

    def import_rows(self, rows: Iterable[StoreRow]) -> int:
        """Write the rows over what is there; the ledger, if there is one, is replaced as a whole."""
        count = 0
        has_ledger = False
        pending = iter(rows)
        while part := list(islice(pending, PAGE)):
            if not has_ledger and any(row.kind == "ledger" for row in part):
                has_ledger = True
                shards = [f"{self._root}{{{shard}}}:ledger" for shard in range(SHARDS)]
                self._door.many([("DEL", key) for key in shards])
            commands = [command for row in part for command in self._import(row)]
            self._door.many(commands)
            count += len(commands)
        return count

    def _import(self, row: StoreRow) -> Iterator[Command]:
        match row.kind:
            case "ledger":
                key = f"{self._shard('')}ledger"
                yield ("HSET", key, row.key, int(row.values[0]))
                return
            case "triplet":
                name = self._seal.parts(row.key)
                key = f"{self._shard(name.partition(' ')[0])}triplet:{name}"
            case "client":
                name = self._seal(row.key)
                key = f"{self._shard(name)}client:{name}"
            case "bucket" | "correspondent" | "trap":
                key = self._key(row.kind, self._seal(row.key))
            case _:
                return
        # How long it still holds is not known here (no clock): garbage goes after the longest expiry.
        yield _set(key, row.values, 60 * DAY)

    def _parsed(self, key: str) -> tuple[str, str]:
        """Kind and name of a key."""
        rest = key.removeprefix(self._root)
        if rest.startswith("{"):
            rest = rest.partition("}:")[2]
        kind, _, name = rest.partition(":")
        return kind, name

    # -- the rest

    def probe(self) -> None:
        """Look where the servers are and write to each; raises what the library raises."""
        self._door.probe()

    def _write_everywhere(self, link: Link) -> None:
        keys = (f"{self._root}{{{shard}}}:probe" for shard in range(SHARDS))
        link.many([("SET", key, "1", "EX", 60) for key in keys])

    def health(self) -> StoreHealth:
        return self._door.health()

    def close(self) -> None:
        self._door.close()

    def _shard(self, client: str) -> str:
        return f"{self._root}{{{zlib.crc32(client.encode()) % SHARDS}}}:"

    def _key(self, kind: str, name: str) -> str:
        """Buckets share a tag; a correspondent or a trap lives wherever its name falls."""
        tag = "{rate}:" if kind == "bucket" else ""
        return f"{self._root}{tag}{kind}:{name}"


def _set(key: str, values: Sequence[float], seconds: float) -> Command:
    return ("SET", key, " ".join(map(_text, values)), "EX", math.ceil(seconds) + 60)


@lru_cache(maxsize=256)
def _texts(*numbers: float) -> tuple[str, ...]:
    """Settings as a script takes them; a float's text costs 1.5 us."""
    return tuple(map(str, numbers))


def _text(number: float) -> str:
    return f"{number:.17g}"


def _numbers(value: bytes | None) -> Numbers:
    return tuple(map(float, value.split())) if value else ()


def _pairs(reply: list[bytes]) -> Iterator[tuple[str, str]]:
    words = [word.decode() for word in reply]
    return zip(words[::2], words[1::2], strict=True)

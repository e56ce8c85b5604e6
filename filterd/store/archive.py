"""archive - recorded verdicts: blocks of 512, found by words, written by a thread of their own.

Owns:   Recorder (core.stores.HistoryStore), Archive (what a store must do), Row, seal, positions.
Rules of this file:
1. A message waits for nothing: `record` puts it on a bounded queue; a thread writes what has gathered
   every 0.2 s. What does not fit on the queue is dropped and counted.
2. New rows are fresh: plain, with their terms. 512 of them are sealed into one block: bodies packed
   16 together, and 32 lists of postings (which rows have that term), 80 bytes a record. A search
   reads one list a block and term, so a million verdicts cost 2,000 reads.
3. Oldest blocks go whole, by age and by number.
Not here: the bytes of a record (record), tables (sqlite_archive) and keys (redis_archive).
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from filterd.core.clock import Clock, SystemClock
from filterd.core.errors import StoreUnavailable
from filterd.core.history import VerdictQuery, VerdictRecord
from filterd.core.stores import StoreHealth
from filterd.store.record import (
    GROUP,
    Blind,
    fits,
    from_line,
    number,
    pack,
    query_terms,
    terms,
    to_line,
    unpack,
)

log = logging.getLogger("filterd.store")

BLOCK = 512  # rows in a block
BUCKETS = 32  # lists of postings in a block
GROUPS = BLOCK // GROUP
CHUNK = 256  # blocks looked at in one go
MAX_QUEUE = 10_000  # records waiting; about 40 MB
MAX_BATCH = 256  # rows written in one go
GATHER = 0.2  # seconds between writes: `why` knows a message a moment after its log line
RETRY = 1.0  # seconds after a failed write
SWEEP_EVERY = 60.0  # seconds between looks for what is too old
SWEEP_BLOCKS = 20  # dropped in one go


class Row(NamedTuple):
    """One record as it is written: time, terms, line of JSON."""

    at: float
    terms: frozenset[int]
    line: bytes


class Bounds(NamedTuple):
    """A sealed block: its number, and the times of its first and last record."""

    block: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Sealed:
    """A full block, ready to be written."""

    first: float
    last: float
    postings: Sequence[bytes]  # BUCKETS
    groups: Sequence[bytes]  # GROUPS, packed


class Archive(Protocol):
    """Where blocks are kept. Each method may raise StoreUnavailable."""

    def append(self, rows: Sequence[Row]) -> None:
        """Write the rows, sealing what becomes full."""
        ...

    def fresh(self) -> Sequence[Row]:
        """Rows of blocks that are not sealed, oldest first."""
        ...

    def blocks(self) -> Sequence[Bounds]:
        """Sealed blocks, newest first."""
        ...

    def postings(self, blocks: Sequence[int], bucket: int) -> Mapping[int, bytes]:
        """That list of each block; a block that went away is left out."""
        ...

    def groups(self, wanted: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Packed bodies of each (block, group); b"" for what went away."""
        ...

    def drop(self, blocks: Sequence[int]) -> None: ...

    def tidy(self) -> None:
        """Seal what a writer that died left unsealed."""
        ...

    def health(self) -> StoreHealth: ...

    def close(self) -> None: ...


def seal(rows: Sequence[Row]) -> Sealed:
    """A full block of these rows."""
    lists: list[dict[int, list[int]]] = [{} for _ in range(BUCKETS)]
    for position, row in enumerate(rows):
        for term in row.terms:
            lists[term % BUCKETS].setdefault(term, []).append(position)
    return Sealed(
        min(row.at for row in rows),
        max(row.at for row in rows),
        [_posting(found) for found in lists],
        [
            pack([row.line for row in rows[start : start + GROUP]])
            for start in range(0, len(rows), GROUP)
        ],
    )


def _posting(found: Mapping[int, Sequence[int]]) -> bytes:
    """Count of terms (16 bits), the terms (32 bits each), where each ends, the positions (16 bits)."""
    ends: list[int] = []
    everything: list[int] = []
    for term in sorted(found):
        everything += found[term]
        ends.append(len(everything))
    count = len(ends)
    return struct.pack(
        f"<H{count}I{count + len(everything)}H", count, *sorted(found), *ends, *everything
    )


def positions(posting: bytes, term: int) -> Sequence[int]:
    """The rows of the block that have the term."""
    (count,) = struct.unpack_from("<H", posting)
    wanted = struct.pack("<I", term)
    place = posting.find(wanted, 2, 2 + 4 * count)
    while place >= 0 and (place - 2) % 4:
        place = posting.find(wanted, place + 1, 2 + 4 * count)
    if place < 0:
        return ()
    index = (place - 2) // 4
    table = 2 + 4 * count
    start = struct.unpack_from("<H", posting, table + 2 * (index - 1))[0] if index else 0
    (end,) = struct.unpack_from("<H", posting, table + 2 * index)
    return struct.unpack_from(f"<{end - start}H", posting, table + 2 * count + 2 * start)


class Recorder:
    """A HistoryStore over an archive. Thread-safe; the writing thread starts with the first record."""

    def __init__(
        self,
        archive: Archive,
        *,
        days: float = 30,
        verdicts: int = 1_000_000,
        blind: Blind | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._archive = archive
        self._days = days
        self._verdicts = verdicts
        self._blind = blind
        self._clock = clock or SystemClock()
        self._queue: deque[VerdictRecord] = deque()
        self._wake = threading.Event()
        self._empty = threading.Event()
        self._empty.set()
        self._is_closing = False
        self._dropped = 0
        self._swept = float("-inf")
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._lock = threading.Lock()

    # -- writing

    def record(self, record: VerdictRecord) -> None:
        if len(self._queue) >= MAX_QUEUE or self._is_closing:
            self._dropped += 1
            return
        self._empty.clear()
        self._queue.append(record)
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None or self._pid != os.getpid():
            self._start()

    def flush(self, seconds: float = 5.0) -> bool:
        self._wake.set()
        return self._empty.wait(seconds)

    def close(self) -> None:
        """Write what is queued, for at most five seconds, and stop."""
        self._is_closing = True
        if self._thread is not None and self._pid == os.getpid():
            self._wake.set()
            self._thread.join(5.0)
        if self._queue:
            self._dropped += len(self._queue)
            log.warning("%d verdicts were not recorded", len(self._queue))
        self._archive.close()

    def health(self) -> StoreHealth:
        from dataclasses import replace

        return replace(self._archive.health(), queued=len(self._queue), dropped=self._dropped)

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None and self._pid == os.getpid():
                return
            if (
                self._pid != os.getpid() and self._pid
            ):  # a fork: what was queued is the parent's
                newest = self._queue.pop()
                self._queue.clear()
                self._queue.append(newest)
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._write_on, name="history", daemon=True)
            self._thread.start()

    def _write_on(self) -> None:
        while True:
            if self._queue:
                self._write()
            elif self._is_closing:
                return
            else:
                self._empty.set()
                if not self._queue:  # else a record came between
                    self._wake.wait()
                self._wake.clear()
                if not self._is_closing:
                    time.sleep(GATHER)

    def _write(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
        try:
            self._archive.append([self._row(record) for record in batch])
            self._sweep()
        except StoreUnavailable:
            if len(self._queue) + len(batch) <= MAX_QUEUE and not self._is_closing:
                self._queue.extendleft(reversed(batch))
                time.sleep(RETRY)
            else:
                self._dropped += len(batch)
        except Exception:  # a record that cannot be packed must not end the recording
            self._dropped += len(batch)
            log.exception("%d verdicts could not be recorded", len(batch))

    def _row(self, record: VerdictRecord) -> Row:
        if self._blind is not None:
            record = self._blind.record(record)
        return Row(record.at, frozenset(terms(record)), to_line(record))

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        if now - self._swept < SWEEP_EVERY:
            return
        self._swept = now
        self.sweep()

    def sweep(self) -> int:
        """Drop blocks that are too old or too many; the number dropped (a few at a time)."""
        self._archive.tidy()
        blocks = self._archive.blocks()
        limit = self._clock.now() - self._days * 86400
        keep = max(1, -(-self._verdicts // BLOCK))
        old = [b.block for index, b in enumerate(blocks) if index >= keep or b.last < limit]
        oldest = old[-SWEEP_BLOCKS:]
        if oldest:
            self._archive.drop(oldest)
        return len(oldest)

    # -- reading

    def find(self, identifier: str) -> VerdictRecord | None:
        wanted = [number(f"w{identifier}")]
        for record in self._found(wanted, float("-inf"), float("inf")):
            if identifier in {record.why_id, record.queue_id}:
                return record
        return None

    def search(self, query: VerdictQuery) -> Sequence[VerdictRecord]:
        if self._blind is not None:
            query = self._blind.query(query)
        found: list[VerdictRecord] = []
        seen: set[tuple[str, float]] = set()
        for record in self._found(query_terms(query), query.since, query.until):
            if fits(record, query) and (record.why_id, record.at) not in seen:
                seen.add((record.why_id, record.at))
                found.append(record)
                if len(found) >= query.limit:
                    break
        return sorted(found, key=lambda record: -record.at)

    def replay(self, since: float) -> Iterator[VerdictRecord]:
        fresh = self._archive.fresh()
        for bounds in reversed(self._archive.blocks()):
            if bounds.last < since:
                continue
            for data in self._archive.groups([(bounds.block, g) for g in range(GROUPS)]):
                yield from (r for r in map(from_line, _lines(data)) if r.at >= since)
        yield from (r for r in (from_line(row.line) for row in fresh) if r.at >= since)

    def _found(
        self, wanted: Sequence[int], since: float, until: float
    ) -> Iterator[VerdictRecord]:
        """Records that have all these terms, newest first; may come twice (sealed meanwhile)."""
        every = frozenset(wanted)
        for row in reversed(self._archive.fresh()):
            if every <= row.terms and since <= row.at <= until:
                yield from_line(row.line)
        blocks = [
            bounds.block
            for bounds in self._archive.blocks()
            if bounds.last >= since and bounds.first <= until
        ]
        for start in range(0, len(blocks), CHUNK):
            yield from self._in_blocks(blocks[start : start + CHUNK], wanted)

    def _in_blocks(
        self, blocks: Sequence[int], wanted: Sequence[int]
    ) -> Iterator[VerdictRecord]:
        left: dict[int, set[int]] = {}
        for index, term in enumerate(wanted):
            looked = [block for block in blocks if not index or block in left]
            lists = self._archive.postings(looked, term % BUCKETS)
            left = {
                block: both
                for block, posting in lists.items()
                if (both := _both(left.get(block), positions(posting, term)))
            }
        for block in blocks:
            if wanted and block not in left:
                continue
            rows = sorted(left[block] if wanted else range(BLOCK), reverse=True)
            for group, inside in _by_group(rows):
                (data,) = self._archive.groups([(block, group)])
                lines = _lines(data)
                for row in inside:
                    if row % GROUP < len(lines):
                        yield from_line(lines[row % GROUP])


def _both(left: set[int] | None, right: Sequence[int]) -> set[int]:
    return set(right) if left is None else left.intersection(right)


def _by_group(rows: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
    """Rows (in order) that lie in one group, together."""
    group = -1
    inside: list[int] = []
    for row in rows:
        if row // GROUP != group:
            if inside:
                yield group, inside
            group, inside = row // GROUP, []
        inside.append(row)
    if inside:
        yield group, inside


def _lines(data: bytes) -> list[bytes]:
    return unpack(data) if data else []

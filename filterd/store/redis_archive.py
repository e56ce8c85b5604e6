"""redis_archive - recorded verdicts in Redis or Valkey, written by the workers of several machines.

Owns:   RedisArchive; its keys: PREFIX:1:{hN}:fresh (list of rows), :posting, :body (hashes) of block N,
        PREFIX:1:{h}:current (number of the block being filled), :bounds (times of sealed blocks).
Rules of this file: a script puts rows into a block as long as they fit, so no block holds more than
        512; who fills the last place seals it. A block whose sealer died is sealed by the next sweep.
Not here: what is in a row or a block (archive, record), servers (door, link).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from filterd.core.stores import StoreHealth
from filterd.store.archive import BLOCK, Bounds, Row, seal
from filterd.store.door import Door
from filterd.store.link import Link
from filterd.store.server import Command, Script
from filterd.store.settings import StoreSettings

LOOK_BACK = 16  # blocks before the current one that may be waiting for their sealer
KEEP_SECONDS = 400 * 86400  # garbage of an installation that is gone

# KEYS: fresh, body (there is one once the block is sealed: nothing comes behind it); ARGV: size of a block, seconds to keep, rows... -> how many fitted, length after.
APPEND = Script("""
if redis.call('EXISTS', KEYS[2]) == 1 then return {0, tonumber(ARGV[1])} end
local held = redis.call('LLEN', KEYS[1])
local fits = math.min(#ARGV - 2, math.max(0, tonumber(ARGV[1]) - held))
for index = 1, fits do redis.call('RPUSH', KEYS[1], ARGV[index + 2]) end
if held == 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return {fits, held + fits}
""")

# KEYS: current; ARGV: the full block -> the number of the block to fill.
ADVANCE = Script("""
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current <= tonumber(ARGV[1]) then
  current = tonumber(ARGV[1]) + 1
  redis.call('SET', KEYS[1], current)
end
return current
""")


class RedisArchive:
    """An Archive (archive.Archive)."""

    def __init__(self, settings: StoreSettings) -> None:
        self._door = Door(settings, "history", self._write_current)
        self._current_key = f"{self._door.root}{{h}}:current"
        self._bounds_key = f"{self._door.root}{{h}}:bounds"

    def append(self, rows: Sequence[Row]) -> None:
        left = [_bytes(row) for row in rows]
        block = self._read_current()
        while left:
            keys = [self._key(block, "fresh"), self._key(block, "body")]
            fitted, length = self._door.run(APPEND, keys, BLOCK, KEEP_SECONDS, *left)
            left = left[fitted:]
            if length >= BLOCK:
                if fitted:
                    self._seal(block)
                block = self._door.run(ADVANCE, [self._current_key], block)

    def fresh(self) -> Sequence[Row]:
        keys = (self._key(block, "fresh") for block in self._open_blocks())
        replies = self._door.many([("LRANGE", key, 0, -1) for key in keys])
        return [_row(data) for reply in replies for data in reply]

    def blocks(self) -> Sequence[Bounds]:
        reply = self._door.call("HGETALL", self._bounds_key)
        found = [
            Bounds(int(block), *struct.unpack("<dd", times))
            for block, times in zip(reply[::2], reply[1::2], strict=True)
        ]
        return sorted(found, reverse=True)

    def postings(self, blocks: Sequence[int], bucket: int) -> Mapping[int, bytes]:
        keys = (self._key(block, "posting") for block in blocks)
        replies = self._door.many([("HGET", key, bucket) for key in keys])
        return {b: reply for b, reply in zip(blocks, replies, strict=True) if reply}

    def groups(self, wanted: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        replies = self._door.many(
            [("HGET", self._key(block, "body"), group) for block, group in wanted]
        )
        return [reply or b"" for reply in replies]

    def drop(self, blocks: Sequence[int]) -> None:
        commands: list[Command] = []
        for block in blocks:
            names = ("fresh", "posting", "body")
            commands += [("UNLINK", self._key(block, name)) for name in names]
            commands.append(("HDEL", self._bounds_key, block))
        self._door.many(commands)

    def tidy(self) -> None:
        """Seal what is full and was left unsealed."""
        for block in self._open_blocks()[:-1]:
            self._seal(block)

    def health(self) -> StoreHealth:
        return self._door.health()

    def close(self) -> None:
        self._door.close()

    def _seal(self, block: int) -> None:
        """Bodies and postings first, bounds (which make them seen) next, the rows go last."""
        fresh = self._key(block, "fresh")
        rows = self._door.call("LRANGE", fresh, 0, -1)
        if len(rows) < BLOCK:
            return  # somebody else has sealed it
        sealed = seal([_row(data) for data in rows])
        commands: list[Command] = []
        for name, parts in (("posting", sealed.postings), ("body", sealed.groups)):
            key = self._key(block, name)
            pairs = [item for pair in enumerate(parts) for item in pair]
            commands.append(("HSET", key, *pairs))
            commands.append(("EXPIRE", key, KEEP_SECONDS))
        self._door.many(commands)
        times = struct.pack("<dd", sealed.first, sealed.last)
        self._door.call("HSET", self._bounds_key, block, times)
        self._door.call("UNLINK", fresh)

    def _open_blocks(self) -> list[int]:
        """Blocks that are not sealed, oldest first; the last is the one being filled."""
        current = self._read_current()
        sealed = {bounds.block for bounds in self.blocks()}
        return [b for b in range(max(0, current - LOOK_BACK), current + 1) if b not in sealed]

    def _read_current(self) -> int:
        return int(self._door.call("GET", self._current_key) or 0)

    def _write_current(self, link: Link) -> None:
        link.call(("SETNX", self._current_key, 0))

    def _key(self, block: int, name: str) -> str:
        return f"{self._door.root}{{h{block}}}:{name}"


def _bytes(row: Row) -> bytes:
    count = len(row.terms)
    return struct.pack(f"<dH{count}I", row.at, count, *row.terms) + row.line


def _row(data: bytes) -> Row:
    at, count = struct.unpack_from("<dH", data)
    start = 10
    terms = struct.unpack_from(f"<{count}I", data, start)
    return Row(at, frozenset(terms), data[start + 4 * count :])

"""Verdicts in Redis: several writers, a sealer that dies, keys that share a slot."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from redis.crc import key_slot

from filterd.store.archive import BLOCK, Row
from filterd.store.redis_archive import RedisArchive
from filterd.store.settings import StoreSettings

pytestmark = pytest.mark.redis
numbers = itertools.count()
Servers = Callable[[str], dict[str, Any]]


def some(start: int, count: int) -> list[Row]:
    return [Row(float(n), frozenset({n % 7}), b"x%d" % n) for n in range(start, start + count)]


def opened(servers: Servers, prefix: str) -> RedisArchive:
    chosen = {"kind": "redis", "prefix": prefix, "timeout": 2.0, **servers("redis")}
    return RedisArchive(StoreSettings.model_validate(chosen))


def test_a_block_whose_sealer_died_is_sealed_by_a_sweep(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"ra{next(numbers)}"
    dying, living = opened(servers, prefix), opened(servers, prefix)
    monkeypatch.setattr(dying, "_seal", lambda _block: None)
    dying.append(some(0, BLOCK + 10))
    assert len(living.fresh()) == BLOCK + 10
    living.tidy()
    assert len(living.fresh()) == 10
    assert [b.block for b in living.blocks()] == [0]
    living.close()
    dying.close()


def test_writers_at_once_lose_and_double_nothing(servers: Servers) -> None:
    prefix = f"ra{next(numbers)}"
    writers = [opened(servers, prefix) for _ in range(4)]

    def write(number: int) -> None:
        for start in range(0, 600, 50):
            writers[number].append(some(number * 600 + start, 50))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    blocks = writers[0].blocks()
    assert [b.block for b in blocks] == [3, 2, 1, 0]
    left = [row.line for row in writers[0].fresh()]
    from filterd.store.record import unpack

    sealed = [
        line
        for block in blocks
        for data in writers[0].groups([(block.block, g) for g in range(32)])
        for line in unpack(data)
    ]
    assert sorted(sealed + left) == sorted(b"x%d" % n for n in range(2400))
    for writer in writers:
        writer.close()


def test_keys_of_one_block_share_a_slot(servers: Servers) -> None:
    archive = opened(servers, f"ra{next(numbers)}")
    slots = {key_slot(archive._key(7, name).encode()) for name in ("fresh", "posting", "body")}
    assert len(slots) == 1
    archive.close()

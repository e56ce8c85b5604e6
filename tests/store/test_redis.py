"""What only the Redis store has: where keys live, and counters spread over shards."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Bucket, Terms
from filterd.store.redis import RedisState
from filterd.store.settings import StoreSettings
from tests.support.redisserver import RedisServer

pytestmark = pytest.mark.redis
T0 = 1_790_000_000.0
BUCKET = Bucket("b", limit=1, period=1000, burst=1000)
numbers = itertools.count()


@pytest.fixture
def state(servers: Callable[[str], dict[str, Any]]) -> Iterator[RedisState]:
    chosen = {
        "kind": "redis",
        "prefix": f"r{next(numbers)}",
        "timeout": 2.0,
        **servers("redis"),
    }
    made = RedisState(StoreSettings.model_validate(chosen))
    yield made
    made.close()


def keys(state: RedisState) -> list[str]:
    return [key.decode() for page in state._door.pages() for key in page]


def test_all_keys_of_one_attempt_share_a_slot(state: RedisState) -> None:
    state.attempt("192.0.2.0/24", ["a", "b{x}", "c"], T0, Terms())
    state.attempt("192.0.2.0/24", ["a"], T0 + 100, Terms())
    found = keys(state)
    assert sorted(state._parsed(key)[0] for key in found) == [
        "client",
        "ledger",
        "triplet",
        "triplet",
        "triplet",
    ]
    assert len({key_slot(key.encode()) for key in found}) == 1


def test_clients_are_spread_over_many_slots(state: RedisState) -> None:
    for n in range(300):
        state.attempt(f"net{n}", ["a"], T0, Terms())
    slots = {key_slot(key.encode()) for key in keys(state)}
    assert 50 < len(slots) <= 64
    (day,) = state.ledger(0)
    assert day.deferred == 300


def test_buckets_of_one_charge_share_a_slot(state: RedisState) -> None:
    state.charge([Bucket(f"{n} {{y}}", 1, 60, 5) for n in range(4)], 1, T0)
    assert len({key_slot(key.encode()) for key in keys(state)}) == 1


def test_an_imported_ledger_replaces_the_one_there(state: RedisState) -> None:
    for n in range(20):
        state.attempt(f"net{n}", ["a"], T0, Terms())
    rows = [row for row in state.export_rows() if row.kind == "ledger"]
    state.import_rows(rows)
    state.import_rows(rows)
    (day,) = state.ledger(0)
    assert day.deferred == 20


def test_prefixes_keep_installations_apart(
    state: RedisState, servers: Callable[[str], dict[str, Any]]
) -> None:
    state.spring(["192.0.2.1/32"], T0, 100)
    other = RedisState(StoreSettings.model_validate({"prefix": "other", **servers("redis")}))
    assert other.trapped_until(["192.0.2.1/32"], T0) == 0.0
    assert state.trapped_until(["192.0.2.1/32"], T0) == T0 + 100
    other.close()


def test_a_store_that_refuses_what_is_posted_does_not_go_unnoticed(tmp_path: Path) -> None:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with RedisServer(tmp_path) as server:
        state = RedisState(StoreSettings.model_validate({"url": server.url, "timeout": 2.0}))
        state.charge([BUCKET], 1, T0)
        server.command("REPLICAOF", "127.0.0.1", "1")
        state.fill([BUCKET], 1, T0)
        with pytest.raises(StoreUnavailable, match="read only"):
            state.levels([BUCKET], T0)
        assert state.levels([BUCKET], T0) == [1]
        state.close()


def test_a_post_to_a_node_that_has_the_slot_no_more_finds_the_way(
    servers: Callable[[str], dict[str, Any]],
) -> None:
    chosen = {"prefix": f"r{next(numbers)}", "timeout": 2.0, **servers("cluster")}
    state = RedisState(StoreSettings.model_validate(chosen))
    state.charge([BUCKET], 1, T0)
    link = state._door.link
    (other,) = itertools.islice((s for s in link._slots if s is not link._server("r{rate}")), 1)
    link._slots = [other] * len(link._slots)
    for _ in range(40):  # the answer that says where is read after some
        state.fill([BUCKET], 1, T0)
    state.fill([BUCKET], 1, T0)
    assert 1 < state.levels([BUCKET], T0)[0] < 42
    assert state.health().failures == 0
    state.close()

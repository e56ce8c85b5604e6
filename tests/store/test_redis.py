"""What only the Redis store has: where keys live, and counters spread over shards."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis.crc import key_slot

from filterd.core.stores import Bucket, Terms
from filterd.store.redis import RedisState
from filterd.store.settings import StoreSettings

pytestmark = pytest.mark.redis
T0 = 1_790_000_000.0
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

"""Eight workers hammering the same deliveries: one "first" each, and every count exact."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filterd.core.stores import Bucket, Standing, Terms
from filterd.store import State
from filterd.store.redis import RedisState
from filterd.store.settings import StoreSettings
from filterd.store.sqlite import SqliteState

WORKERS = 8
DELIVERIES = 60
CHARGES = 100
TERMS = Terms(passes=0)
T0 = 1_790_000_000.0
BUCKET = Bucket("client 192.0.2.0/24", limit=1, period=1e9, burst=WORKERS * CHARGES / 2)

KINDS = [
    pytest.param("sqlite"),
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("cluster", marks=pytest.mark.redis),
]


@pytest.fixture(params=KINDS)
def state(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    servers: Callable[[str], dict[str, Any]],
) -> State:
    if request.param == "sqlite":
        return SqliteState(tmp_path / "state.sqlite", timeout=10.0)
    settings = StoreSettings(
        kind="redis", prefix=f"c{tmp_path.name}"[:40], timeout=2.0, **servers(request.param)
    )
    return RedisState(settings)


def in_workers(work: Callable[[], Any]) -> list[Any]:
    """What `work` returns in each of eight forked processes that start together."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(WORKERS)
    results = context.SimpleQueue()

    def run() -> None:
        barrier.wait(30)
        try:
            results.put(work())
        except BaseException as error:  # noqa: BLE001 - shown by the parent
            results.put(error)

    children = [context.Process(target=run) for _ in range(WORKERS)]
    for child in children:
        child.start()
    found = [results.get() for _ in children]
    for child in children:
        child.join(30)
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found


def test_each_delivery_is_first_once(state: State) -> None:
    state.attempt("before the fork", ["x"], T0, TERMS)  # a connection that no child may use

    def hammer() -> list[tuple[str, Standing]]:
        return [
            (f"{n}", state.attempt("192.0.2.0/24", [f"{n}"], T0, TERMS).standing)
            for n in range(DELIVERIES)
        ]

    standings = [pair for worker in in_workers(hammer) for pair in worker]
    firsts = Counter(name for name, standing in standings if standing is Standing.FIRST)
    assert firsts == {f"{n}": 1 for n in range(DELIVERIES)}
    assert {standing for _, standing in standings} == {Standing.FIRST, Standing.EARLY}
    (day,) = state.ledger(0)
    assert day.deferred == DELIVERIES + 1
    assert state.attempt("before the fork", ["x"], T0, TERMS).standing is Standing.EARLY
    state.close()


def test_each_delivery_passes_once_and_attempts_add_up(state: State) -> None:
    for n in range(DELIVERIES):
        state.attempt("net", [f"{n}"], T0, TERMS)

    def hammer() -> list[Standing]:
        return [
            state.attempt("net", [f"{n}"], T0 + 100, TERMS).standing for n in range(DELIVERIES)
        ]

    standings = Counter(standing for worker in in_workers(hammer) for standing in worker)
    assert standings == {
        Standing.PASSED: DELIVERIES,
        Standing.KNOWN: DELIVERIES * (WORKERS - 1),
    }
    (day,) = state.ledger(0)
    assert (day.deferred, day.returned) == (DELIVERIES, DELIVERIES)
    state.close()


def test_a_bucket_takes_exactly_what_fits(state: State) -> None:
    def charge() -> int:
        levels = [state.charge([BUCKET], 1, T0)[0] for _ in range(CHARGES)]
        return sum(level <= BUCKET.burst for level in levels)

    assert sum(in_workers(charge)) == BUCKET.burst
    assert state.levels([BUCKET], T0) == [BUCKET.burst]
    state.close()

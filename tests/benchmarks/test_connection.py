"""The connection checks together cost at most 0.6 ms of CPU a message, and what the machine adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.connection import measure, store_of
from tests.support.redisserver import RedisServer

pytestmark = pytest.mark.benchmark

BAR = 0.6  # ms on a machine of tests.support.speed
# What no yardstick tells from work: caches that neighbours use; for Redis also falling asleep and waking up for each
# answer, dearest on an idle virtual machine (0.72 to 0.80 ms there, 0.45 to 0.63 on a busy one).
BESIDE = {"sqlite": 1.2, "redis": 1.5}
ATTEMPTS = 3


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def test_the_connection_checks_are_within_their_budget(tmp_path: Path, kind: str) -> None:
    if kind == "redis" and not RedisServer.available():
        pytest.skip("redis-server is not installed")
    least = float("inf")
    for attempt in range(ATTEMPTS):  # noise only adds
        folder = tmp_path / f"{attempt}"
        folder.mkdir()
        with store_of(kind, folder) as store:
            cost = measure(store, folder, 120, 5, is_full=False)
        assert cost.deferred > 20  # it did work
        least = min(least, cost.own)
        if least <= BAR * BESIDE[kind]:
            break
    assert least <= BAR * BESIDE[kind]

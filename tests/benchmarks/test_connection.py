"""The connection checks together cost at most 0.6 ms of CPU a message, and a fifth more among neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.connection import measure, store_of
from tests.support.redisserver import RedisServer

pytestmark = pytest.mark.benchmark

BAR = 0.6  # ms on a machine of tests.support.speed
NEIGHBOURS = 1.2  # caches that others use cannot be told from work by any yardstick


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def test_the_connection_checks_are_within_their_budget(tmp_path: Path, kind: str) -> None:
    if kind == "redis" and not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with store_of(kind, tmp_path) as store:
        cost = measure(store, tmp_path, 120, 5, is_full=False)
    assert cost.deferred > 20  # it did work
    assert cost.own <= BAR * NEIGHBOURS

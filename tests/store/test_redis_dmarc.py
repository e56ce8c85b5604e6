"""What only a shared store of DMARC results has to do; the rest is in test_dmarc, for each store alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from deploy.demo.postfix import wait_until
from filterd.core.errors import StoreUnavailable
from filterd.store.dmarc import open_reports
from filterd.store.redis_dmarc import RedisReports
from filterd.store.settings import StoreSettings
from tests.store.test_dmarc import NOON, SEEN


@pytest.mark.redis
def test_claim_in_redis_runs_out(
    tmp_path: Path, servers: Callable[[str], dict[str, Any]]
) -> None:
    settings = StoreSettings(kind="redis", prefix="claims", timeout=2.0, **servers("redis"))
    store = open_reports(settings, tmp_path)
    assert store.claim(1, "a.example", NOON, 0.02)
    wait_until(lambda: store.claim(1, "a.example", NOON, 60), 5.0, "the claim ran out")
    store.close()


@pytest.mark.redis
def test_machines_that_share_a_redis_count_together(
    tmp_path: Path, servers: Callable[[str], dict[str, Any]]
) -> None:
    settings = StoreSettings(kind="redis", prefix="machines", timeout=2.0, **servers("redis"))
    here, there = open_reports(settings, tmp_path), open_reports(settings, tmp_path / "other")
    for store in (here, there, here):
        store.add(SEEN, NOON)
    assert list(there.results(20_000)) == [(SEEN, 3)]
    assert [
        here.claim(20_000, "example.com", NOON, 60),
        there.claim(20_000, "example.com", NOON, 60),
    ] == [True, False]
    here.drop(20_000, "example.com")
    assert there.days() == []
    here.close()
    there.close()


def test_redis_that_is_not_there_is_an_unavailable_store() -> None:
    store = RedisReports(
        StoreSettings(kind="redis", url=SecretStr("redis://127.0.0.1:9/0"), timeout=0.05)
    )
    with pytest.raises(StoreUnavailable):
        store.add(SEEN, NOON)
    store.close()

"""A store's way to Redis: keys of its own, errors as StoreUnavailable, a probe of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ResponseError

from filterd.core.errors import StoreUnavailable
from filterd.store.door import Door
from filterd.store.link import Link
from filterd.store.server import Script
from filterd.store.settings import StoreSettings

pytestmark = pytest.mark.redis


def opened(servers: Callable[[str], dict[str, Any]], kind: str, prefix: str) -> Door:
    chosen = {"kind": "redis", "prefix": prefix, "timeout": 2.0, **servers(kind)}

    def probe(link: Link) -> None:
        link.call(("SET", f"{prefix}:1:probe", "1"))

    return Door(StoreSettings.model_validate(chosen), "tested", probe)


@pytest.mark.parametrize("kind", ["redis", "cluster", "sentinel"])
def test_calls_scripts_and_pages(servers: Callable[[str], dict[str, Any]], kind: str) -> None:
    door = opened(servers, kind, f"door{kind}")
    names = [f"{door.root}{n}" for n in range(50)]
    assert door.many([("SET", name, n) for n, name in enumerate(names)]) == [b"OK"] * 50
    assert door.many([("GET", name) for name in names]) == [b"%d" % n for n in range(50)]
    assert door.call("GET", names[7]) == b"7"
    assert door.many([]) == []
    twice = Script("return redis.call('GET', KEYS[1]) * ARGV[1]")
    for _ in range(2):  # whole, then by its hash
        assert door.run(twice, [names[21]], 2) == 42
    assert {key.decode() for page in door.pages() for key in page} == set(names)
    door.probe()
    health = door.health()
    assert (health.name, health.is_available, health.failures) == ("tested", True, 0)
    door.many([("DEL", name) for name in (*names, f"{door.root}probe")])
    door.close()


def test_a_refusal_leaves_as_store_unavailable(
    servers: Callable[[str], dict[str, Any]],
) -> None:
    door = opened(servers, "redis", "refused")
    door.call("SET", "refused:1:a", "x")
    for ask in (
        lambda: door.call("LPUSH", "refused:1:a", "y"),
        lambda: door.many([("GET", "refused:1:a"), ("INCR", "refused:1:a")]),
    ):
        with pytest.raises(StoreUnavailable, match="ResponseError") as caught:
            ask()
        assert isinstance(caught.value.__cause__, ResponseError)
    assert door.health().failures == 2
    door.close()

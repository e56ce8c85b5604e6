"""Real Redis servers, started at their first use, for every test of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tests.support.redisserver import RedisServer, cluster, sentinel_set

Settings = dict[str, Any]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Settings]]:
    """Settings for a kind of Redis; its servers start at the first use and serve all tests."""
    with ExitStack() as stack:

        @cache
        def start(kind: str) -> Settings:
            if not RedisServer.available():
                pytest.skip("redis-server is not installed")
            folder = tmp_path_factory.mktemp(kind)
            match kind:
                case "redis":
                    server = stack.enter_context(RedisServer(folder))
                    return {"url": server.url}
                case "cluster":
                    nodes = stack.enter_context(cluster(folder))
                    return {
                        "topology": "cluster",
                        "nodes": tuple(f"127.0.0.1:{node.port}" for node in nodes),
                    }
                case _:
                    watched = stack.enter_context(sentinel_set(folder))
                    return {
                        "topology": "sentinel",
                        "nodes": (f"127.0.0.1:{watched.sentinel.port}",),
                        "sentinel_name": watched.name,
                    }

        yield start

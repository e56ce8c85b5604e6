from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from filterd.frontends.http.app import make_app
from filterd.frontends.http.service import HttpService
from tests.frontends.http.test_api import MAIL, World
from tests.support.http import Client, serving


class Slow:
    """A scanner that takes its time, and says that it has begun."""

    def __init__(self, inner: object) -> None:
        self.inner = inner
        self.begun = threading.Event()

    def scan(self, submission: object) -> object:
        self.begun.set()
        time.sleep(0.5)
        return self.inner.scan(submission)  # type: ignore[attr-defined]


def test_retiring_lets_the_request_in_progress_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    slow = Slow(world.scanner)
    world.scanner = slow  # type: ignore[assignment]
    service = HttpService(make_app(world.services()))
    listener = socket.create_server(("127.0.0.1", 0))
    client = Client(listener.getsockname()[1])
    running = threading.Thread(target=service.run, args=(listener,), daemon=True)
    running.start()
    statuses: list[int] = []
    asking = threading.Thread(
        target=lambda: statuses.append(client("POST", "/v1/scan", MAIL).status)
    )
    asking.start()
    assert slow.begun.wait(10)
    service.retire(10)
    asking.join(10)
    running.join(10)
    assert statuses == [200]
    assert not running.is_alive()
    with pytest.raises(OSError):
        client("GET", "/healthz")


def test_what_the_counters_said_is_kept_at_the_end(tmp_path: Path) -> None:
    services = World(tmp_path).services()
    services.metrics_dir.mkdir(parents=True)
    with serving(services) as client:
        assert client("GET", "/").status == 200
    assert (services.metrics_dir / "trend.json").is_file()

"""Redis breaks under 32 connections: every message is answered in time, and greylisting is back in 2 s."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.demo.service import Service
from tests.support.miltermta import Connection, MilterGoneError
from tests.support.proxy import Proxy
from tests.support.redisserver import RedisServer

pytestmark = [pytest.mark.story, pytest.mark.redis, pytest.mark.timeout(120)]

CONNECTIONS = 32
SCAN_DEADLINE = 8.0  # seconds, scan.deadline as shipped
RECOVERY = 2.0

numbers = itertools.count()


@dataclass
class Load:
    """What 32 connections saw: how long each message took, and what RCPT was answered."""

    address: tuple[str, int]
    seconds: list[float] = field(default_factory=list)
    codes: list[tuple[float, int]] = field(default_factory=list)  # time, code of RCPT
    broken: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._talk) for _ in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _talk(self) -> None:
        while not self.over.is_set():
            started = time.monotonic()
            try:
                with Connection(self.address, seconds=20) as mta:
                    mta.connect()
                    mta.helo()
                    mta.mail()
                    code = mta.rcpt(f"<user{next(numbers)}@example.net>").code
                    if code == 250:
                        mta.data()
                        mta.field(b"From", b" a@example.org")
                        mta.end_of_header()
                        mta.body(b"hello\r\n")
                        assert mta.end_of_message().answer.code in {250, 451, 550}
                    mta.quit()
            except (MilterGoneError, OSError, AssertionError) as error:
                self.broken.append(repr(error))
                continue
            self.codes.append((time.monotonic(), code))
            self.seconds.append(time.monotonic() - started)
            time.sleep(0.05)

    def until(self, code: int, since: float, within: float) -> float:
        """When RCPT was first answered so after `since`, in seconds after it."""
        end = time.monotonic() + within + 3
        while time.monotonic() < end:
            found = [at - since for at, seen in list(self.codes) if at > since and seen == code]
            if found:
                return min(found)
            time.sleep(0.02)
        raise AssertionError(f"no {code} within {within} s; {self.broken[:3]}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with RedisServer(tmp_path) as made:
        yield made


Repair = Callable[[], object]


def killed(server: RedisServer, proxy: Proxy) -> Repair:
    del proxy
    server.stop(signal.SIGKILL)
    return server.start  # empty


def paused(server: RedisServer, proxy: Proxy) -> Repair:
    del proxy
    server.stop(signal.SIGSTOP)
    return server.resume


def slowed(server: RedisServer, proxy: Proxy) -> Repair:
    del server
    proxy.seconds = 1.0

    def repair() -> None:
        proxy.seconds = 0.0

    return repair


def read_only(server: RedisServer, proxy: Proxy) -> Repair:
    del proxy
    server.command("REPLICAOF", "127.0.0.1", "1")
    return lambda: server.command("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize("fault", [killed, paused, slowed, read_only])
def test_redis_breaks_under_load(
    server: RedisServer, fault: Callable[[RedisServer, Proxy], Repair]
) -> None:
    with Proxy(server.port) as proxy:
        settings = {
            "store.kind": "redis",
            "store.url": f"redis://127.0.0.1:{proxy.port}/0",
            "checks.greylist.when": "always",
            "checks.tarpit.enabled": False,
        }
        with Service(settings) as service:
            with Load(service.address) as load:
                load.until(451, 0.0, 10.0)
                broke = time.monotonic()
                repair = fault(server, proxy)
                load.until(250, broke, 3.0)  # mail goes on without the greylist
                time.sleep(1.5)
                repair()
                repaired = time.monotonic()
                back = load.until(451, repaired, RECOVERY)
                time.sleep(0.5)
            assert load.broken == []
            assert max(load.seconds) < SCAN_DEADLINE
            assert back < RECOVERY
            log = service.log()
    assert "is down, mail goes on without it" in log
    assert "is back after" in log

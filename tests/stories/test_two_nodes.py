"""Two filters on one Redis: what one has seen the other knows, and one is upgraded while the other serves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.nameserver import Nameserver
from deploy.demo.service import ROOT, Service
from tests.support.miltermta import Connection, Played, Submission, play
from tests.support.redisserver import RedisServer

pytestmark = [pytest.mark.story, pytest.mark.redis, pytest.mark.timeout(120)]

MAIL = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: hello\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <n@example.org>\r\n\r\nhello\r\n"
GREY = {
    "checks.greylist.when": "always",
    "checks.greylist.delay": "1s",
    "checks.tarpit.enabled": False,
    "store.kind": "redis",
}


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with RedisServer(tmp_path) as redis, Nameserver("") as dns:
        settings = {**GREY, "store.url": redis.url}
        with (
            Service(settings, nameserver=dns.address) as one,
            Service(settings, nameserver=dns.address) as two,
        ):
            yield one, two


def deliver(service: Service, queue_id: str) -> Played:
    with Connection(service.address) as mta:
        return play(mta, Submission(MAIL, queue_id=queue_id))


def why(service: Service, identifier: str) -> Any:
    """What that node says of the message; None while it knows nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "filterd", "--config", str(service.config_file), "why", identifier, "--json"],
        cwd=ROOT, env=service.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return json.loads(done.stdout) if done.returncode == 0 else None


def until_known(service: Service, identifier: str) -> Any:
    end = time.monotonic() + 20
    while (found := why(service, identifier)) is None and time.monotonic() < end:
        time.sleep(0.2)
    return found


def test_a_retry_at_the_other_node_passes_and_either_node_explains_both(
    nodes: tuple[Service, Service],
) -> None:
    one, two = nodes
    first = deliver(one, "4First")
    assert (first.stage, first.answer.code) == ("rcpt", 451)
    time.sleep(1.2)  # the greylist's delay
    assert deliver(two, "4Second").stage == "eom"
    found = until_known(one, "4Second")
    assert found["action"] in {"accept", "tag"}
    assert any(hit["symbol"].startswith("GREYLIST_") for hit in found["hits"])


def test_one_node_is_replaced_while_the_other_serves_and_nothing_is_forgotten(
    nodes: tuple[Service, Service],
) -> None:
    one, two = nodes
    assert deliver(one, "4Before").answer.code == 451
    assert one.stop() == 0
    time.sleep(1.2)
    assert deliver(two, "4During").stage == "eom"  # what the first node had seen holds
    one.configure({"thresholds.tag": 5.5})  # the new version's settings
    one.start()
    assert two.stop() == 0
    assert deliver(one, "4After").stage == "eom"
    assert until_known(one, "4During") is not None

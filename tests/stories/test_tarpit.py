"""Holding answers in the running service: who hangs up is counted, who may log in is not held at CONNECT."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.postfix import wait_until
from deploy.demo.service import Service
from filterd.observe.metrics import read_totals
from tests.benchmarks.load import cpu_of
from tests.benchmarks.tarpit import HELD as HELD_SESSIONS
from tests.benchmarks.tarpit import MOST, held, held_now, others, settings
from tests.support.miltermta import Connection

pytestmark = [pytest.mark.story, pytest.mark.timeout(60)]

HELD = 0.3  # seconds
SETTINGS: dict[str, object] = {
    "checks.greylist.enabled": False,
    "checks.tarpit.start": 0,
    "checks.tarpit.seconds_per_point": 20,
    "checks.tarpit.ceiling": HELD,
    "checks.tarpit.per_mark": 20,
    "checks.tarpit.busy": 1000,  # the machine that tests is
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(SETTINGS) as running:
        yield running


def tarpit(service: Service) -> dict[str, int]:
    """What `filterd status` says of it."""
    done = subprocess.run(
        [sys.executable, "-m", "filterd", "status", "--json"],
        cwd=Path(__file__).parents[2],
        env={**service.environment(), "FILTERD_CONFIG": str(service.config_file)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return {name: int(count) for name, count in found["tarpit"].items()}


def hung_up(service: Service) -> int:
    """The same of one number, as the workers write it."""
    numbers = read_totals(service.state / "run" / "metrics").numbers
    return int(numbers.get(("filterd_hung_up",), 0))


def dialogue(mta: Connection, client: str) -> float:
    """Up to the answer to RCPT; how long that took."""
    mta.connect(address=client)
    mta.helo("bareword")
    mta.mail()
    started = time.monotonic()
    mta.rcpt()
    return time.monotonic() - started


def test_who_hangs_up_while_waiting_is_counted(service: Service) -> None:
    before = hung_up(service)
    with Connection(service.address) as patient:
        assert dialogue(patient, "192.0.2.1") >= HELD * 0.9
        patient.field(b"From", b" a@example.org")
        patient.end_of_header()
        patient.end_of_message(b"hello\r\n")
        patient.quit()
    for number in range(3):
        with Connection(service.address) as hurried:
            dialogue(hurried, f"198.51.{number}.1")
            hurried.abort()  # as Postfix does when the client is gone
            hurried.quit()
    wait_until(lambda: hung_up(service) >= before + 3, 5, "the count")
    now = tarpit(service)
    assert now["hung_up"] == before + 3
    assert now["held"] >= 4
    assert now["held_now"] == 0


@pytest.mark.parametrize(
    ("macros", "is_held"),
    [
        ({"daemon_port": "25"}, True),
        ({"daemon_port": "587"}, False),
        ({"daemon_port": "465"}, False),
        ({"daemon_name": "ORIGINATING"}, False),
    ],
    ids=["smtp", "submission", "submissions", "by-name"],
)
def test_who_may_log_in_is_not_held_at_connect(
    service: Service, macros: dict[str, str], is_held: bool
) -> None:
    for _ in range(8 if is_held else 2):  # until the worker that answers knows the network
        with Connection(service.address) as known:
            dialogue(known, "203.0.113.1")  # gives it a mark
        with Connection(service.address, macros=macros) as mta:
            started = time.monotonic()
            mta.connect(address="203.0.113.2")
            waited = time.monotonic() - started
            mta.helo("bareword")
            mta.mail()
            started = time.monotonic()
            mta.rcpt()  # whoever has not logged in by now waits here
            assert time.monotonic() - started >= HELD * 0.9
        if waited >= HELD * 0.9:
            break
    assert (waited >= HELD * 0.9) is is_held


def test_two_hundred_sessions_that_wait_cost_the_others_nothing(tmp_path: Path) -> None:
    """All of one burst are held at once: libmilter lets none of them wait for another one's end."""
    with Service(settings(tmp_path / "allow", 25)) as service:
        with held(service):
            wait_until(lambda: held_now(service) == HELD_SESSIONS, 15, "the last of the burst")
            before, started = cpu_of(service.pid), time.monotonic()
            time.sleep(1.5)
            share = (cpu_of(service.pid) - before) / (time.monotonic() - started)
            assert held_now(service) >= HELD_SESSIONS * MOST
            others(service, 8)  # all of them get through
    assert share < 0.1  # of a core; a round of metrics and no more

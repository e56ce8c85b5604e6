from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from deploy.demo.postfix import free_ports
from filterd.config.listen import Socket
from filterd.frontends.milter.service import DelayGate
from tests.support.miltermta import Connection, Kind, Submission, play
from tests.support.service import running

MAIL = b"From: a@example.org\r\n\r\nbody\r\n"


@pytest.mark.parametrize("kind", ["inet", "inet6", "unix"])
def test_every_kind_of_socket_is_served(tmp_path: Path, kind: str) -> None:
    address = {
        "inet": Socket(host="127.0.0.1", port=free_ports(1)[0]),
        "inet6": Socket(host="::1", port=free_ports(1)[0]),
        "unix": Socket(path=str(tmp_path / "milter.sock")),
    }[kind]
    with running(tmp_path, address=address) as service, Connection(service.address) as mta:
        assert play(mta, Submission(MAIL)).answer.kind is Kind.ACCEPT


def test_the_gate_refuses_to_hold_more_than_it_has_places_for() -> None:
    leaving = threading.Event()
    gate = DelayGate(1, leaving, busy=1000)
    held = threading.Thread(target=gate, args=(30,))
    held.start()
    started = time.monotonic()
    while gate(0):  # until the other has taken the place
        assert time.monotonic() - started < 5
    assert gate(30) is False
    leaving.set()
    held.join(5)
    assert not held.is_alive()
    assert gate(30) is False
    assert time.monotonic() - started < 10


def test_nobody_is_held_on_a_busy_machine() -> None:
    started = time.monotonic()
    assert DelayGate(10, busy=-1)(30) is False
    assert time.monotonic() - started < 5

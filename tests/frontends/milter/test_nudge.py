"""What the sessions of a worker with itself say; that none of a burst is left waiting is a story (test_tarpit)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from filterd.frontends.milter.nudge import COUNT, Nudges

OFFER = b"\0\0\0\x0dO" + b"\0\0\0\x06" + bytes(8)
COMMAND = b"\0\0\0\x04DC\0\0"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.settimeout(5)
        yield found


def accepted(listener: socket.socket) -> list[socket.socket]:
    """Its sessions, offers read."""
    found = []
    for _ in range(COUNT):
        session, _ = listener.accept()
        session.settimeout(5)
        assert session.recv(17, socket.MSG_WAITALL) == OFFER
        found.append(session)
    return found


def test_each_session_is_spoken_to_in_turn_while_there_is_mail(listener: socket.socket) -> None:
    nudges = Nudges(listener.getsockname(), socket.AF_INET)
    sessions = accepted(listener)
    nudges.start(lambda: True)
    for _ in range(2):
        for session in sessions:
            assert session.recv(8, socket.MSG_WAITALL) == COMMAND
    nudges.close()
    for session in sessions:
        rest = session.recv(1000)
        assert rest.replace(COMMAND, b"") == b""
        session.close()


def test_without_mail_nothing_is_said(listener: socket.socket) -> None:
    nudges = Nudges(listener.getsockname(), socket.AF_INET)
    sessions = accepted(listener)
    nudges.start(lambda: False)
    for session in sessions:
        session.settimeout(0.1)
        with pytest.raises(TimeoutError):
            session.recv(1)
    nudges.close()
    for session in sessions:
        assert session.recv(1) == b""
        session.close()


def test_a_worker_that_ends_a_session_does_no_harm(listener: socket.socket) -> None:
    nudges = Nudges(listener.getsockname(), socket.AF_INET)
    first, *others = accepted(listener)
    first.close()
    nudges.start(lambda: True)
    for _ in range(3):
        for session in others:
            assert session.recv(8, socket.MSG_WAITALL) == COMMAND
    nudges.close()
    for session in others:
        session.close()

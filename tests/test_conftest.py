"""The fence of conftest.py: nothing leaves the machine from a test, everything on loopback works."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import OffLoopbackError

OUTSIDE = ("192.0.2.1", 9)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_connecting_off_loopback_is_an_error(kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as sock, pytest.raises(OffLoopbackError):
        sock.connect(OUTSIDE)


def test_sending_off_loopback_is_an_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(OffLoopbackError):
            sock.sendto(b"x", OUTSIDE)
        with pytest.raises(OffLoopbackError):
            sock.sendmsg([b"x"], [], 0, OUTSIDE)


def test_resolving_a_name_is_an_error() -> None:
    with pytest.raises(OffLoopbackError):
        socket.create_connection(("example.org", 25), timeout=1)


def test_loopback_and_unix_sockets_work() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    left, right = socket.socketpair()
    with left, right:
        left.sendmsg([b"x"])
        assert right.recv(1) == b"x"

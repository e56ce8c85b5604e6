from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from filterd.core.lookup import RRType, question
from filterd.dns import peers as module
from filterd.dns.flight import Channel, Flight
from filterd.dns.inbox import Inbox
from filterd.dns.peers import BENCH_SECONDS, MISSES, SOCKETS_PER_SERVER, Peers
from filterd.dns.stub import Stub

SERVERS = [("127.0.0.1", 10_053), ("127.0.0.2", 10_053), ("::1", 10_053)]


@contextmanager
def some_peers(count: int = 3, patience: float = 4.0) -> Iterator[Peers]:
    inbox = Inbox(lambda _channel: None)
    try:
        yield Peers(SERVERS[:count], inbox, patience)
    finally:
        inbox.close()


def a_channel(peers: Peers, roll: int = 0, now: float = 0.0) -> Channel:
    channel = peers.channel(0, roll, now)
    assert channel is not None
    return channel


def test_tries_go_round_in_the_order_of_the_settings() -> None:
    with some_peers() as peers:
        assert [peers.choose(tries, now=0) for tries in range(1, 6)] == [0, 1, 2, 0, 1]


def test_silent_server_comes_last_for_a_while() -> None:
    with some_peers() as peers:
        for _ in range(MISSES):
            peers.missed(0, now=100)
        assert [peers.choose(tries, now=101) for tries in (1, 2, 3)] == [1, 2, 0]
        assert peers.benched(101) == ("127.0.0.1:10053",)
        assert peers.choose(1, now=100 + BENCH_SECONDS) == 0
        peers.missed(0, now=120)
        peers.heard(0)
        assert peers.choose(1, now=121) == 0


def test_only_server_is_asked_however_silent() -> None:
    with some_peers(1) as peers:
        for _ in range(10):
            peers.missed(0, now=100)
        assert peers.choose(7, now=101) == 0


def test_sockets_are_connected_and_have_ports_of_their_own() -> None:
    with some_peers(1) as peers:
        ports = {a_channel(peers, roll).socket.getsockname()[1] for roll in range(256)}
        assert len(ports) == SOCKETS_PER_SERVER
        assert a_channel(peers).socket.getpeername() == SERVERS[0]


def test_used_up_socket_gives_way_and_is_closed_when_nobody_waits() -> None:
    with some_peers(1, patience=4.0) as peers:
        old = a_channel(peers)
        old.sends = module.SENDS_PER_PORT
        old.flights[1] = Flight(Stub([]), question("a.example", RRType.A), 0, None)
        fresh = a_channel(peers, now=10)
        assert fresh is not old
        assert fresh.socket.getsockname() != old.socket.getsockname()
        peers.tidy(now=13)
        assert (old.socket.fileno() >= 0, peers.has_retired) == (True, True)
        peers.tidy(now=15)  # longer than a reply may take
        assert (old.socket.fileno() >= 0, peers.has_retired) == (False, False)
        assert a_channel(peers, now=15) is fresh


def test_server_without_route_has_no_socket_until_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect = socket.socket.connect

    def no_route(_socket: socket.socket, _address: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(socket.socket, "connect", no_route)
    with some_peers(1) as peers:
        assert peers.channel(0, 0, 0) is None
        monkeypatch.setattr(socket.socket, "connect", connect)
        peers.tidy(now=10)
        assert peers.channel(0, 0, 10) is not None

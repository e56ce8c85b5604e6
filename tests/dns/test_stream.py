from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

import pytest

from filterd.dns.stream import Stream


def run(
    serve: Callable[[socket.socket], None], query: bytes = b"question"
) -> list[bytes | None]:
    """What the stream ended with when `serve` played the server."""
    finished: list[bytes | None] = []
    selector = selectors.DefaultSelector()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = Stream(selector, listener.getsockname(), query, finished.append)
        stream.open()
        for _ in selector.select(5):
            pass
        peer, _ = listener.accept()
        deadline = time.monotonic() + 5
        with peer:
            for key, _ in selector.select(1):
                key.data()  # the query goes out
            serve(peer)
            while not finished and time.monotonic() < deadline:
                for key, _ in selector.select(0.1):
                    key.data()
    stream.close()
    assert not selector.get_map()
    return finished


def in_pieces(peer: socket.socket) -> None:
    length = int.from_bytes(peer.recv(2), "big")
    asked = peer.recv(length)
    reply = b"reply to " + asked
    for byte in len(reply).to_bytes(2, "big") + reply:
        peer.sendall(bytes((byte,)))


def whole_64k(peer: socket.socket) -> None:
    peer.sendall(b"\xff\xff" + b"x" * 65_535 + b"more than was said")


def hung_up(peer: socket.socket) -> None:
    peer.sendall(b"\x00\x10half")
    peer.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("serve", "expected"),
    [(in_pieces, [b"reply to question"]), (whole_64k, [b"x" * 65_535]), (hung_up, [None])],
)
def test_reply_is_read_once(
    serve: Callable[[socket.socket], None], expected: list[bytes | None]
) -> None:
    assert run(serve) == expected


def test_refused_connection_ends_with_nothing() -> None:
    finished: list[bytes | None] = []
    selector = selectors.DefaultSelector()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = closed.getsockname()
    stream = Stream(selector, address, b"question", finished.append)
    stream.open()
    for key, _ in selector.select(1) if selector.get_map() else []:
        key.data()
    assert finished == [None]


def test_closed_stream_says_nothing_more() -> None:
    finished: list[bytes | None] = []
    selector = selectors.DefaultSelector()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = Stream(selector, listener.getsockname(), b"question", finished.append)
        stream.open()
        stream.close()
        stream.close()
    assert (finished, list(selector.get_map())) == ([], [])

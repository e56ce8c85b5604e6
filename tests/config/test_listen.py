from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.config.listen import Socket, parse_mode, parse_socket

SPELLINGS = {
    "postfix": ("inet:127.0.0.1:8895", Socket(host="127.0.0.1", port=8895)),
    "sendmail": ("inet:8895@127.0.0.1", Socket(host="127.0.0.1", port=8895)),
    "postfix-v6": ("inet:[::1]:8895", Socket(host="::1", port=8895)),
    "sendmail-v6": ("inet6:8895@::1", Socket(host="::1", port=8895)),
    "bracketed-v6": ("inet6:8895@[::1]", Socket(host="::1", port=8895)),
    "name": ("inet:localhost:8895", Socket(host="localhost", port=8895)),
    "port-only": ("inet:8895", Socket(host="0.0.0.0", port=8895)),
    "any-host": ("inet::8895", Socket(host="0.0.0.0", port=8895)),
    "unix": ("unix:/run/f/m.sock", Socket(path="/run/f/m.sock")),
    "local": ("local:/run/f/m.sock", Socket(path="/run/f/m.sock")),
    "path": ("/run/f/m.sock", Socket(path="/run/f/m.sock")),
}


@pytest.mark.parametrize(("text", "socket"), SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_an_mta_is_understood(text: str, socket: Socket) -> None:
    assert parse_socket(text) == socket


WRONG = ["", "8895", "tcp:127.0.0.1:8895", "inet:", "inet:x", "inet:1.2.3.4:99999", "unix:rel", 3,
         "unix:/" + "x" * 200, "inet:a b:1", "inet:8895@"]  # fmt: skip


@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_socket_says_so(value: object) -> None:
    with pytest.raises(ValueError):
        parse_socket(value)


def test_each_side_gets_its_own_spelling() -> None:
    assert parse_socket("inet:[::1]:25").libmilter == "inet6:25@::1"
    assert parse_socket("inet:[::1]:25").postfix == "inet:[::1]:25"
    assert parse_socket("inet:25@10.0.0.1").libmilter == "inet:25@10.0.0.1"
    assert parse_socket("/s").libmilter == "unix:/s"


@given(st.sampled_from(list(SPELLINGS.values())))
def test_both_spellings_read_back_as_the_same_socket(case: tuple[str, Socket]) -> None:
    assert parse_socket(case[1].libmilter) == case[1]
    assert parse_socket(case[1].postfix) == case[1]


@pytest.mark.parametrize(
    ("text", "is_local"),
    [("inet:127.0.0.1:1", True), ("inet:[::1]:1", True), ("/s", True), ("inet:1", False),
     ("inet:localhost:1", True), ("inet:example.org:1", False)],
)  # fmt: skip
def test_local_means_this_machine_only(text: str, is_local: bool) -> None:
    assert parse_socket(text).is_local is is_local


@pytest.mark.parametrize(("value", "mode"), [("0660", 0o660), ("660", 0o660), (0o600, 0o600)])
def test_modes_are_octal(value: object, mode: int) -> None:
    assert parse_mode(value) == mode


@pytest.mark.parametrize("value", ["0888", 0, 660, True, "rw", 1.0])
def test_what_is_no_mode_says_so(value: object) -> None:
    with pytest.raises(ValueError):
        parse_mode(value)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_who_listens_everywhere_is_met_here(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = Socket(host=host, port=server.getsockname()[1])
        listen.connect().close()
        peer, _ = server.accept()
        peer.close()
    with pytest.raises(ConnectionRefusedError):
        listen.connect()


def test_a_unix_socket_without_a_server_is_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "milter.sock")
    with pytest.raises(FileNotFoundError):
        Socket(path=path).connect()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        Socket(path=path).connect().close()

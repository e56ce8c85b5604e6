"""One Redis server: what an answer costs in calls of the system, dead connections, refusals, silence."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.connection import Connection
from redis.exceptions import ConnectionError as GoneError
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as NoAnswerError

from filterd.store.server import MAX_OWED, READ, Server
from tests.support.redisserver import RedisServer

TIMEOUT = 0.15

pytestmark = pytest.mark.redis


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RedisServer]:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with RedisServer(tmp_path) as made:
        yield made


def door_to(port: int, **options: Any) -> Server:
    chosen = {"socket_timeout": TIMEOUT, "protocol": 2, "driver_info": None, **options}
    return Server(Connection, {"host": "127.0.0.1", "port": port, **chosen})


def test_replies_come_in_order_and_whole(running: RedisServer) -> None:
    server = door_to(running.port)
    long = b"\x00\xff" * READ  # comes in several pieces
    commands = [("SET", "a", long), ("GET", "a"), ("GET", "b"), ("INCRBY", "n", 7)]
    assert server.exchange(commands) == [b"OK", long, None, 7]
    assert server.ask(("MGET", "n", "b")) == [b"7", None]
    server.close()


def test_a_refused_command_is_an_answer_and_the_connection_goes_on(
    running: RedisServer,
) -> None:
    server = door_to(running.port)
    first, second = server.exchange([("NONSENSE",), ("SET", "a", "1")])
    assert isinstance(first, ResponseError)
    assert second == b"OK"
    assert isinstance(server.ask(("EVALSHA", "0" * 40, 0)), NoScriptError)
    running.command("REPLICAOF", "127.0.0.1", "1")
    assert isinstance(server.ask(("SET", "a", "1")), ReadOnlyError)
    assert running.command("INFO", "clients").count("connected_clients:2") == 1  # it, and this
    server.close()


def test_a_connection_that_died_while_idle_is_replaced(running: RedisServer) -> None:
    server = door_to(running.port)
    assert server.ask(("PING",)) == b"PONG"
    running.command("CLIENT", "KILL", "TYPE", "normal")
    assert server.ask(("PING",)) == b"PONG"
    server.close()


@pytest.mark.parametrize("is_known", [True, False], ids=["idle connection", "new connection"])
def test_silence_is_over_in_time_and_nobody_asks_again(
    running: RedisServer, is_known: bool
) -> None:
    server = door_to(running.port)
    if is_known:
        server.ask(("PING",))
    running.stop(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(NoAnswerError):
        server.ask(("INCR", "asked"))
    assert TIMEOUT * 0.9 < time.monotonic() - started < TIMEOUT * 3
    running.resume()
    assert server.ask(("GET", "asked")) in {None, b"1"}  # at most once
    server.close()


def test_a_late_answer_is_never_taken_for_another(running: RedisServer) -> None:
    server = door_to(running.port)
    running.stop(signal.SIGSTOP)
    with pytest.raises(NoAnswerError):
        server.ask(("ECHO", "late"))
    running.resume()
    assert server.ask(("ECHO", "mine")) == b"mine"
    server.close()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(GoneError):
        door_to(port).ask(("PING",))


@pytest.mark.parametrize("said", [b"", b"$5\r\nab"], ids=["nothing", "half an answer"])
def test_a_server_that_hangs_up(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            client.recv(100)
            client.sendall(said)
            client.close()

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(GoneError):
            door_to(listener.getsockname()[1]).ask(("PING",))
        answering.join()


def test_a_server_that_is_loading_is_no_server(running: RedisServer) -> None:
    """It answers an error at which the library would look for another one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            client.recv(100)
            client.sendall(b"-LOADING Redis is loading the dataset in memory\r\n")
            client.recv(100)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(GoneError, match="loading"):
            door_to(listener.getsockname()[1]).ask(("PING",))
        answering.join()


def test_what_is_posted_is_done_before_what_is_asked_next(running: RedisServer) -> None:
    server = door_to(running.port)
    for _ in range(MAX_OWED * 3):
        server.post(("INCR", "n"))
    assert server.ask(("GET", "n")) == str(MAX_OWED * 3).encode()
    server.post(("SET", "a", "1"))
    assert server.exchange([("GET", "a"), ("GET", "b")]) == [b"1", None]
    server.close()


def test_nobody_waits_for_the_answer_to_a_post(running: RedisServer) -> None:
    server = door_to(running.port)
    server.ask(("PING",))
    running.stop(signal.SIGSTOP)
    started = time.monotonic()
    server.post(("INCR", "n"))
    assert time.monotonic() - started < TIMEOUT
    with pytest.raises(NoAnswerError):
        server.ask(("GET", "n"))
    running.resume()
    server.close()


def test_a_post_that_was_refused_is_told_with_the_next_answer(running: RedisServer) -> None:
    told: list[Exception] = []
    options = {"socket_timeout": TIMEOUT, "protocol": 2, "driver_info": None}
    server = Server(
        Connection, {"host": "127.0.0.1", "port": running.port, **options}, told.append
    )
    server.post(("NONSENSE",))
    assert told == []
    assert server.ask(("ECHO", "mine")) == b"mine"
    assert [type(error) for error in told] == [ResponseError]
    server.ask(("PING",))
    assert len(told) == 1
    server.close()


def test_a_post_over_a_connection_that_died_while_idle_is_done(running: RedisServer) -> None:
    server = door_to(running.port)
    server.ask(("PING",))
    running.stop(signal.SIGKILL)
    running.start()
    server.post(("SET", "a", "1"))
    server.ask(("PING",))
    server.post(("SET", "a", "2"))
    assert server.ask(("GET", "a")) == b"2"
    server.close()

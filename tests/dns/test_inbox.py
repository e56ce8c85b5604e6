from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filterd.core.lookup import NODATA, NXDOMAIN, Answer, RRType, question
from filterd.dns.flight import Channel, Flight
from filterd.dns.inbox import Inbox

LONG = 30.0  # seconds that no test takes unless somebody is forgotten


class Server:
    """One socket with an inbox; a packet of one byte lands the flight of that number."""

    def __init__(self) -> None:
        self.inbox = Inbox(self._readable)
        self.far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        near.setblocking(False)
        self.channel = Channel(near, 0)
        self.inbox.add(self.channel)
        self.readers: list[int] = []  # threads that read a packet

    def flight(self, number: int) -> Flight:
        flight = Flight(self.inbox, question("a.example", RRType.A), 0, None)
        self.channel.flights[number] = flight
        return flight

    def _readable(self, channel: Channel) -> None:
        number = channel.socket.recv(1)[0]
        self.readers.append(threading.get_ident())
        channel.flights.pop(number).land(NXDOMAIN)


@contextmanager
def a_server() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.inbox.close()
        server.far.close()


def in_threads(*tasks: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    return threads


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_waits_reads_for_himself() -> None:
    with a_server() as server:
        flight = server.flight(1)
        server.far.send(b"\1")
        assert flight.wait(time.monotonic() + LONG) is NXDOMAIN
        assert server.readers == [threading.get_ident()]


def test_deadline_ends_the_wait_and_not_the_flight() -> None:
    with a_server() as server:
        flight = server.flight(1)
        assert flight.wait(time.monotonic() - 1).reason == "deadline"
        assert flight.wait(time.monotonic() + 0.01).reason == "deadline"
        server.far.send(b"\1")
        assert flight.wait(float("inf")) is NXDOMAIN


def test_everybody_gets_his_answer_whoever_reads_it() -> None:
    with a_server() as server:
        flights = [server.flight(number) for number in range(20)]
        found: list[Answer] = []

        def wait_for(flight: Flight) -> Callable[[], None]:
            return lambda: found.append(flight.wait(time.monotonic() + LONG))

        started = time.monotonic()
        threads = in_threads(*[wait_for(flight) for flight in flights + flights])
        for number in range(20):
            server.far.send(bytes((number,)))
        for thread in threads:
            thread.join()
        assert found == [NXDOMAIN] * 40
        assert time.monotonic() - started < LONG / 2


def test_turn_passes_on_when_the_one_who_reads_has_his_answer_or_no_time_left() -> None:
    with a_server() as server:
        first, second, third = (server.flight(number) for number in range(3))
        found: list[str] = []

        def wait_for(flight: Flight, name: str, seconds: float) -> Callable[[], None]:
            def task() -> None:
                answer = flight.wait(time.monotonic() + seconds)
                found.append(f"{name} {answer.reason or answer.status.value}")

            return task

        threads = in_threads(wait_for(first, "first", 0.2))
        until(server.inbox._turn.locked)
        threads += in_threads(wait_for(second, "second", LONG), wait_for(third, "third", LONG))
        until(lambda: found == ["first deadline"])
        server.far.send(b"\1")
        until(lambda: found[1:] == ["second nxdomain"])
        server.far.send(b"\2")
        until(lambda: found[2:] == ["third nxdomain"])
        for thread in threads:
            thread.join()


def test_who_reads_is_told_of_an_answer_that_came_another_way() -> None:
    with a_server() as server:
        flight = server.flight(1)
        started = time.monotonic()
        found: list[Answer] = []
        threads = in_threads(lambda: found.append(flight.wait(started + LONG)))
        until(server.inbox._turn.locked)
        flight.land(NODATA)
        server.inbox.landed(flight)
        threads[0].join()
        assert found == [NODATA]
        assert time.monotonic() - started < LONG / 2


def test_what_is_left_is_collected_unless_somebody_reads() -> None:
    with a_server() as server:
        flight = server.flight(1)
        server.inbox.collect()  # nothing there, and it does not block
        server.far.send(b"\1")
        with server.inbox._turn:
            server.inbox.collect()
            assert not server.inbox.remove(server.channel)
        assert flight.wait(0).reason == "deadline"
        server.inbox.collect()
        assert flight.wait(0) is NXDOMAIN
        assert server.inbox.remove(server.channel)
        assert server.channel.socket.fileno() == -1

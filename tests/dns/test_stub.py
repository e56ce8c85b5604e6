from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from filterd.core.lookup import Answer, Question, RRType, Status, question
from filterd.dns import peers
from filterd.dns import stub as stub_module
from filterd.dns.stub import Stub
from tests.support.nameserver import Fault, Nameserver

A, TXT = RRType.A, RRType.TXT

ZONE = """
a.example.org A 192.0.2.1
to.example.org CNAME a.example.org
t.example.org TXT "hello"
alias.away.example.org A 192.0.2.77
*.many.example.org A 127.0.0.2
"""


@contextmanager
def asking(
    *servers: Nameserver, budget: float = 10.0, retransmit: float = 0.1
) -> Iterator[Stub]:
    stub = Stub([server.address for server in servers], budget=budget, retransmit=retransmit)
    try:
        yield stub
    finally:
        stub.close()


def always(word: str) -> Fault:
    return lambda name, _kind: "" if name.startswith("alias.") else word


def ask(stub: Stub, name: str, rrtype: RRType = A, seconds: float = 10.0) -> Answer:
    return stub.ask(question(name, rrtype), time.monotonic() + seconds)


@pytest.mark.parametrize(
    ("name", "rrtype", "expected"),
    [
        ("a.example.org", A, ("ok", ("192.0.2.1",))),
        ("to.example.org", A, ("ok", ("192.0.2.1",))),
        ("t.example.org", A, ("nodata", ())),
        ("x.example.org", A, ("nxdomain", ())),
        ("a..b", A, ("nxdomain", ())),
    ],
)
def test_answers_as_the_server_says(
    name: str, rrtype: RRType, expected: tuple[str, tuple[str, ...]]
) -> None:
    with Nameserver(ZONE) as server, asking(server) as stub:
        answer = ask(stub, name, rrtype)
        assert (answer.status.value, answer.addresses) == expected


def test_many_questions_at_once_get_their_own_answers() -> None:
    zone = "".join(f"n{n}.example.org A 10.0.{n // 250}.{n % 250}\n" for n in range(500))
    with Nameserver(zone) as server, asking(server, budget=60, retransmit=30) as stub:
        flights = [stub.submit(question(f"n{n}.example.org", A)) for n in range(500)]
        deadline = time.monotonic() + 60
        for n, flight in enumerate(flights):
            assert flight.wait(deadline).addresses == (f"10.0.{n // 250}.{n % 250}",)
        assert len(server.ports) >= 2
        assert len(set(server.ids)) > 450  # random, not counted up


def test_ports_change_and_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "SENDS_PER_PORT", 5)
    with Nameserver(ZONE) as server, asking(server) as stub:
        for n in range(200):
            assert ask(stub, f"x{n}.many.example.org").status is Status.OK
        assert len(server.ports) > 2 * peers.SOCKETS_PER_SERVER
        ids = [server.ids[n + 1] - server.ids[n] for n in range(100)]
        assert len(set(ids)) > 50


FAULTS = {
    "servfail": (Status.TEMPFAIL, "servfail"),
    "refused": (Status.TEMPFAIL, "refused"),
    "formerr": (Status.TEMPFAIL, "formerr"),
    "referral": (Status.TEMPFAIL, "refused"),
    "garbage": (Status.TEMPFAIL, "garbage"),
    "half": (Status.TEMPFAIL, "garbage"),
    "loop": (Status.TEMPFAIL, "alias-loop"),
    "truncate-always": (Status.TEMPFAIL, "tcp"),
    "drop": (Status.TEMPFAIL, "timeout"),
    "wrong-id": (Status.TEMPFAIL, "timeout"),
    "wrong-question": (Status.TEMPFAIL, "timeout"),
    "tcp-hang": (Status.TEMPFAIL, "timeout"),
    "nxdomain": (Status.NXDOMAIN, ""),
    "empty": (Status.NODATA, ""),
    "truncate": (Status.OK, ""),
    "huge": (Status.OK, ""),
    "no-edns": (Status.OK, ""),
    "slow": (Status.OK, ""),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.items(), ids=FAULTS)
def test_fault_gives_its_answer_within_the_budget(
    fault: str, expected: tuple[Status, str]
) -> None:
    budget = 0.6 if expected[1] == "timeout" else 20.0
    with Nameserver(ZONE, fault=always(fault)) as server, asking(server, budget=budget) as stub:
        started = time.monotonic()
        answer = ask(stub, "t.example.org", TXT, 20.0)
        assert (answer.status, answer.reason) == expected
        if expected[1] == "timeout":
            assert budget <= time.monotonic() - started < budget + 2.0
        if fault == "huge":
            assert len(answer.txt[0]) == 62_500


def test_deadline_comes_before_the_answer() -> None:
    with Nameserver(ZONE, delay=0.3) as server, asking(server, retransmit=1.0) as stub:
        flight = stub.submit(question("a.example.org", A))
        started = time.monotonic()
        assert flight.wait(started + 0.05).reason == "deadline"
        assert time.monotonic() - started < 0.25
        assert flight.wait(started + 5).status is Status.OK  # the flight went on all the same


def test_lost_packets_are_sent_again() -> None:
    lost: list[str] = []

    def first_two(name: str, _kind: str) -> str:
        lost.append(name)
        return "drop" if len(lost) <= 2 else ""

    with Nameserver(ZONE, fault=first_two) as server, asking(server) as stub:
        assert ask(stub, "a.example.org").status is Status.OK
        assert stub.counters.retransmitted == 2


def test_alias_that_the_server_left_to_us_is_followed() -> None:
    with Nameserver(ZONE, fault=always("alias-only")) as server, asking(server) as stub:
        assert ask(stub, "away.example.org").addresses == ("192.0.2.77",)


@pytest.mark.parametrize(
    "fault", ["drop", "servfail", "refused", "garbage", "tcp-hang", "truncate-always"]
)
def test_next_server_is_asked_where_one_fails(fault: str) -> None:
    with (
        Nameserver(ZONE, fault=always(fault)) as bad,
        Nameserver(ZONE) as good,
        asking(bad, good) as stub,
    ):
        assert ask(stub, "a.example.org").status is Status.OK
        assert good.asked("a.example.org") == 1


def test_silent_server_is_passed_over_after_a_few_tries() -> None:
    with (
        Nameserver(ZONE, fault=always("drop")) as bad,
        Nameserver(ZONE) as good,
        asking(bad, good) as stub,
    ):
        for n in range(peers.MISSES):
            assert ask(stub, f"x{n}.many.example.org").status is Status.OK
        assert stub.benched == (f"127.0.0.1:{bad.address[1]}",)
        before = len(bad.log)
        assert ask(stub, "a.example.org").status is Status.OK
        assert len(bad.log) == before


def test_nobody_listens_is_known_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        address = closed.getsockname()
    stub = Stub([address], budget=5.0)
    try:
        started = time.monotonic()
        assert ask(stub, "a.example.org").reason == "unreachable"
        assert time.monotonic() - started < 1.0
    finally:
        stub.close()


def test_question_gets_less_time_while_all_servers_are_silent() -> None:
    silent = [True]
    with (
        Nameserver(ZONE, fault=lambda _n, _k: "drop" if silent[0] else "") as server,
        asking(server, budget=0.8, retransmit=0.5) as stub,
    ):
        flights = [stub.submit(question(f"x{n}.many.example.org", A)) for n in range(10)]
        for flight in flights:
            assert flight.wait(time.monotonic() + 5).reason == "timeout"
        assert stub.is_silent
        started = time.monotonic()
        assert ask(stub, "a.example.org").reason == "timeout"
        assert time.monotonic() - started < 0.75
        silent[0] = False
        assert ask(stub, "a.example.org").status is Status.OK
        assert not stub.is_silent


def test_too_many_questions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stub_module, "MAX_FLIGHTS", 2)
    with Nameserver(ZONE, fault=always("drop")) as server, asking(server, budget=0.2) as stub:
        flights = [stub.submit(question(f"x{n}.example.org", A)) for n in range(3)]
        reasons = [flight.wait(time.monotonic() + 5).reason for flight in flights]
        assert reasons == ["timeout", "timeout", "overload"]


def test_answer_goes_to_everybody_who_waits() -> None:
    with Nameserver(ZONE, delay=0.1) as server, asking(server, retransmit=1.0) as stub:
        flight = stub.submit(question("a.example.org", A))
        found: list[Answer] = []
        threads = [
            threading.Thread(target=lambda: found.append(flight.wait(time.monotonic() + 5)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.addresses for answer in found] == [("192.0.2.1",)] * 8
        assert server.asked("a.example.org") == 1


def test_close_ends_what_is_under_way() -> None:
    with Nameserver(ZONE, fault=always("drop")) as server:
        stub = Stub([server.address], budget=30)
        flight = stub.submit(question("a.example.org", A))
        stub.close()
        assert flight.wait(time.monotonic() + 1).reason == "closed"
        assert ask(stub, "a.example.org").reason == "closed"
        stub.close()


def test_child_after_fork_has_sockets_and_a_thread_of_its_own() -> None:
    with Nameserver(ZONE) as server, asking(server) as stub:
        assert ask(stub, "a.example.org").status is Status.OK
        parents = set(server.ports)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if ask(stub, "t.example.org", TXT).txt == (b"hello",) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert server.ports - parents
        assert ask(stub, "to.example.org").status is Status.OK


def test_child_after_fork_does_not_wait_for_what_its_parent_asked() -> None:
    with Nameserver(ZONE, fault=always("drop")) as server, asking(server) as stub:
        flight = stub.submit(question("a.example.org", A))
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if flight.wait(time.monotonic() + 30).reason == "closed" else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert flight.wait(0).reason == "deadline"


def test_moved_zone_is_asked_elsewhere_and_nobody_above_knows() -> None:
    zone = "*.key.zen.dq.example.net A 127.0.0.2\n*.zen.example.org A 127.0.0.9\n"
    with Nameserver(zone) as server:
        stub = Stub([server.address], moved={"zen.example.org": "key.zen.dq.example.net"})
        try:
            flight = stub.submit(question("1.2.0.192.zen.example.org", A))
            assert flight.wait(time.monotonic() + 10).addresses == ("127.0.0.2",)
            assert flight.question.name == "1.2.0.192.zen.example.org"
            assert ask(stub, "notzen.example.org").status is Status.NXDOMAIN
            assert [name for name, _, _ in server.log] == [
                "1.2.0.192.key.zen.dq.example.net",
                "notzen.example.org",
            ]
        finally:
            stub.close()


def test_reader_survives_whatever_a_callback_does(caplog: pytest.LogCaptureFixture) -> None:
    def odd(_question: Question, _answer: Answer) -> None:
        raise RuntimeError("odd")

    with Nameserver(ZONE) as server, asking(server) as stub:
        flight = stub.submit(question("a.example.org", A), odd)
        assert flight.wait(time.monotonic() + 10).status is Status.OK
        assert ask(stub, "t.example.org", TXT).status is Status.OK
        assert "a.example.org: what its answer was for failed" in caplog.text

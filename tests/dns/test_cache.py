from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from queue import Empty

import pytest

from filterd.core.clock import FixedClock
from filterd.core.lookup import (
    Answer,
    Asked,
    Lead,
    Question,
    RRType,
    Status,
    question,
    tempfail,
)
from filterd.dns.cache import FAILURE_TTL, Cache
from filterd.dns.flight import Bell, Flight

A, TXT = RRType.A, RRType.TXT


class Waiter:
    """Waits until somebody else lands the flight."""

    def wait(self, flight: Flight, deadline: float) -> None:
        bell = Bell()
        flight.bells.append(bell)
        if flight.answer is None:
            with contextlib.suppress(Empty):
                bell.get(timeout=max(0.0, deadline - time.monotonic()))


class Source:
    """Answers from a table at once, or when told to."""

    def __init__(self, answers: dict[str, Answer] | None = None, *, held: bool = False) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []
        self.flights: list[Flight] = []
        self.held = held
        self.closed = False

    def submit(
        self, question: Question, done: Callable[[Question, Answer], None] | None = None
    ) -> Flight:
        self.asked.append(question.name)
        flight = Flight(Waiter(), question, 0.0, done)
        self.flights.append(flight)
        if not self.held:
            self.land(flight)
        return flight

    def land(self, flight: Flight) -> None:
        flight.land(self.answers.get(flight.question.name, Answer(Status.NXDOMAIN, ttl=60)))

    def close(self) -> None:
        self.closed = True


def a_cache(source: Source, clock: FixedClock, **options: float) -> Cache:
    return Cache(source, monotonic=clock.monotonic, **options)  # type: ignore[arg-type]


def ask(cache: Cache, name: str, rrtype: RRType = A) -> Answer:
    return cache.ask(question(name, rrtype), time.monotonic() + 1)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(Status.OK, addresses=("192.0.2.1",), ttl=100), 100),
        (Answer(Status.OK, addresses=("192.0.2.1",), ttl=0), 5),
        (Answer(Status.OK, addresses=("192.0.2.1",), ttl=86400), 3600),
        (Answer(Status.NXDOMAIN, ttl=100), 100),
        (Answer(Status.NODATA, ttl=0), 5),
        (Answer(Status.NODATA, ttl=86400), 600),
        (tempfail("servfail"), FAILURE_TTL),
        (tempfail("timeout"), FAILURE_TTL),
    ],
    ids=[
        "ttl",
        "min",
        "max",
        "negative",
        "negative-min",
        "negative-max",
        "servfail",
        "timeout",
    ],
)
def test_answer_is_kept_for_its_time(answer: Answer, seconds: float) -> None:
    source, clock = Source({"a.example": answer}), FixedClock()
    cache = a_cache(source, clock, hold=5)
    assert ask(cache, "a.example") == answer
    clock.advance(seconds - 0.1)
    assert ask(cache, "a.example") == answer
    assert len(source.asked) == 1
    clock.advance(0.2)
    ask(cache, "a.example")
    assert len(source.asked) == 2


@pytest.mark.parametrize("reason", ["closed", "overload"])
def test_our_own_failure_is_not_kept(reason: str) -> None:
    source = Source({"a.example": tempfail(reason)})
    cache = a_cache(source, FixedClock())
    for _ in range(2):
        assert ask(cache, "a.example").reason == reason
    assert len(source.asked) == 2


def test_types_are_kept_apart() -> None:
    source = Source()
    cache = a_cache(source, FixedClock())
    ask(cache, "a.example", A)
    ask(cache, "a.example", TXT)
    assert source.asked == ["a.example", "a.example"]


def test_equal_questions_share_one_flight() -> None:
    source = Source(
        {"a.example": Answer(Status.OK, addresses=("192.0.2.1",), ttl=60)}, held=True
    )
    cache = a_cache(source, FixedClock())
    cache.prefetch([question("a.example", A)])
    found: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: found.append(ask(cache, "a.example"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    source.land(source.flights[0])
    for thread in threads:
        thread.join()
    assert [answer.addresses for answer in found] == [("192.0.2.1",)] * 4
    assert source.asked == ["a.example"]
    assert cache.stats()["asked"] == 5


def test_deadline_is_kept_while_others_wait_on() -> None:
    source = Source(held=True)
    cache = a_cache(source, FixedClock())
    assert cache.ask(question("a.example", A), time.monotonic() + 0.01).reason == "deadline"
    source.land(source.flights[0])
    assert ask(cache, "a.example").status is Status.NXDOMAIN
    assert len(source.asked) == 1


def test_oldest_give_way_when_entries_run_out() -> None:
    source = Source()
    cache = a_cache(source, FixedClock(), entries=3)
    for name in "abcd":
        ask(cache, f"{name}.example")
    assert cache.stats()["entries"] == 3
    assert cache.stats()["evicted"] == 1
    ask(cache, "d.example")
    ask(cache, "a.example")
    assert source.asked[4:] == ["a.example"]


def test_bytes_are_bounded_and_huge_answers_are_not_kept() -> None:
    big = Answer(Status.OK, txt=(b"x" * 5_000,), ttl=60)
    huge = Answer(Status.OK, txt=(b"x" * 60_000,), ttl=60)
    source = Source({f"b{n}.example": big for n in range(50)} | {"huge.example": huge})
    cache = a_cache(source, FixedClock(), size=100_000)
    for n in range(50):
        ask(cache, f"b{n}.example")
    ask(cache, "huge.example")
    ask(cache, "huge.example")
    assert source.asked.count("huge.example") == 2
    assert 0 < cache.stats()["bytes"] <= 100_000


def test_no_cache_on_request() -> None:
    source = Source()
    cache = a_cache(source, FixedClock(), entries=0)
    ask(cache, "a.example")
    ask(cache, "a.example")
    assert len(source.asked) == 2


TIMEOUT = tempfail("timeout")


@pytest.mark.parametrize(
    ("timed_out", "asked", "held"),
    [
        ("a.b.example.org", "other.example.org", True),
        ("a.b.example.org", "example.org", True),
        ("a.b.example.org", "example.net", False),
        ("a.b.example.co.uk", "example.co.uk", True),
        ("a.b.example.co.uk", "other.co.uk", False),
        ("4.2.0.192.in-addr.arpa", "5.2.0.192.in-addr.arpa", True),
        ("4.2.0.192.in-addr.arpa", "5.3.0.192.in-addr.arpa", False),
    ],
)
def test_domain_that_timed_out_is_held(timed_out: str, asked: str, held: bool) -> None:
    source, clock = Source({timed_out: TIMEOUT}), FixedClock()
    cache = a_cache(source, clock, hold=10)
    ask(cache, timed_out)
    assert (ask(cache, asked).reason == "held") is held
    clock.advance(10.1)
    assert ask(cache, asked).status is Status.NXDOMAIN
    assert cache.held() == ()


@pytest.mark.parametrize(
    "answer", [tempfail("servfail"), tempfail("garbage"), tempfail("unreachable")]
)
def test_only_a_timeout_holds(answer: Answer) -> None:
    cache = a_cache(Source({"a.example.org": answer}), FixedClock())
    ask(cache, "a.example.org")
    assert ask(cache, "b.example.org").status is Status.NXDOMAIN


def test_part_of_a_domain_that_answers_is_held_alone() -> None:
    source = Source({"a.part.example.org": TIMEOUT})
    cache = a_cache(source, FixedClock())
    ask(cache, "www.example.org")
    ask(cache, "a.part.example.org")
    assert cache.held() == ("part.example.org",)
    assert ask(cache, "b.part.example.org").reason == "held"
    assert ask(cache, "mail.example.org").status is Status.NXDOMAIN


def test_hold_can_be_turned_off() -> None:
    cache = a_cache(Source({"a.example.org": TIMEOUT}), FixedClock(), hold=0)
    ask(cache, "a.example.org")
    assert ask(cache, "b.example.org").status is Status.NXDOMAIN
    assert cache.timeouts() == {"example.org": 1}


def test_lead_is_followed_when_its_answer_is_there() -> None:
    answers = {
        "a.example": Answer(Status.OK, names=("b.example",), ttl=60),
        "b.example": Answer(Status.OK, names=("c.example",), ttl=60),
    }
    source = Source(answers, held=True)
    cache = a_cache(source, FixedClock())

    def follow(answer: Answer) -> list[Asked]:
        return [Lead(question(name, A), follow) for name in answer.names]

    lead = Lead(question("a.example", A), follow)
    cache.prefetch([lead, lead])
    assert source.asked == ["a.example"]
    source.land(source.flights[0])
    assert source.asked == ["a.example", "b.example"]
    source.land(source.flights[1])
    source.land(source.flights[2])
    assert source.asked == ["a.example", "b.example", "c.example"]
    cache.prefetch([lead])  # all of it is known now
    assert source.asked == ["a.example", "b.example", "c.example"]


def test_lead_that_cannot_be_followed_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    source = Source({"a.example": Answer(Status.OK, ttl=60)}, held=True)
    cache = a_cache(source, FixedClock())

    def follow(_answer: Answer) -> list[Asked]:
        raise ValueError("odd")

    cache.prefetch([Lead(question("a.example", A), follow)])
    source.land(source.flights[0])
    assert ask(cache, "a.example").status is Status.OK
    assert "cannot follow" in caplog.text


def test_hold_on_request_stops_questions_until_it_ends() -> None:
    source, clock = Source(), FixedClock()
    cache = a_cache(source, clock)
    cache.hold("bl.example.org", 60)
    assert ask(cache, "1.2.0.192.bl.example.org").reason == "held"
    cache.prefetch([question("2.2.0.192.bl.example.org", A)])
    assert source.asked == []
    assert cache.probe(question("2.0.0.127.bl.example.org", A), 0).status is Status.NXDOMAIN
    assert source.asked == ["2.0.0.127.bl.example.org"]
    cache.hold("bl.example.org", 0)
    assert ask(cache, "1.2.0.192.bl.example.org").status is Status.NXDOMAIN


def test_close_closes_the_source() -> None:
    source = Source()
    Cache(source).close()
    assert source.closed


def test_equal_answers_without_records_are_kept_once() -> None:
    source = Source(
        {
            "a.example": Answer(Status.NXDOMAIN, ttl=77),
            "b.example": Answer(Status.NXDOMAIN, ttl=77),
            "c.example": Answer(Status.NODATA, ttl=77),
        }
    )
    cache = a_cache(source, FixedClock(0.0))
    for name in source.answers:
        ask(cache, name)
    first, second, other = (ask(cache, name) for name in source.answers)
    assert first is second
    assert other == Answer(Status.NODATA, ttl=77)

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

import pytest

from filterd.core.clock import FixedClock
from filterd.core.errors import StoreUnavailable
from filterd.core.lookup import (
    NXDOMAIN,
    Answer,
    Listing,
    Question,
    RRType,
    Status,
    question,
    tempfail,
)
from filterd.core.stores import PauseStore, ZonePause
from filterd.dns.cache import Cache
from filterd.dns.dnslist import DnsList
from filterd.dns.rate import LEARNED
from filterd.dns.stub import Stub
from filterd.dns.watch import BROKEN_SECONDS, JUMP_SECONDS, REFUSAL_SECONDS, ZoneWatch
from filterd.store.memory import MemoryState
from tests.support.nameserver import Nameserver

ONE, TWO = "one.example.org", "two.example.org"


def a_list(zone: str) -> DnsList:
    return DnsList.model_validate(
        {
            "zone": zone,
            "answers": {"127.0.0.2": "A"},
            "test_listed": "2.0.0.127",
            "test_clean": "1.0.0.127",
        }
    )


def listed(*addresses: str) -> Answer:
    return Answer(Status.OK, addresses=addresses or ("127.0.0.2",))


def healthy(question: Question, _deadline: float = 0) -> Answer:
    return listed() if question.name.startswith("2.0.0.127.") else NXDOMAIN


class World:
    """Two zones, a clock, and what was held."""

    def __init__(
        self,
        probe: Callable[[Question, float], Answer] = healthy,
        *,
        shared: PauseStore | None = None,
        clock: FixedClock | None = None,
    ) -> None:
        self.clock = clock or FixedClock()
        self.held: dict[str, float] = {}
        self.answer = probe
        self.watch = ZoneWatch(
            [a_list(ONE), a_list(TWO)],
            lambda question, deadline: self.answer(question, deadline),
            hold=self.held.__setitem__,
            monotonic=self.clock.monotonic,
            shared=shared,
            now=self.clock.now,
        )

    def feed(self, zone: str, count: int, share: float, start: int = 0) -> None:
        """Answers about so many clients of whom that share is listed, evenly mixed."""
        for n in range(start, start + count):
            is_listed = int((n + 1) * share) > int(n * share)
            outcome = Listing.LISTED if is_listed else Listing.CLEAN
            self.watch.observe(zone, outcome, f"client{n}")


def state(world: World, zone: str = ONE) -> str:
    return next(each.reason for each in world.watch.states() if each.zone == zone)


@pytest.mark.parametrize("listing", [Listing.REFUSED, Listing.FOREIGN])
def test_refusal_pauses_and_longer_each_time(listing: Listing) -> None:
    world = World()
    for times in (1, 2, 4, 8, 16, 16):
        world.watch.observe(ONE, listing, "x")
        assert not world.watch.is_usable(ONE)
        assert world.watch.is_usable(TWO)
        world.clock.advance(REFUSAL_SECONDS * times - 1)
        assert not world.watch.is_usable(ONE)
        world.clock.advance(2)
        assert world.watch.is_usable(ONE)
    world.watch.observe(ONE, Listing.CLEAN, "y")
    world.watch.observe(ONE, listing, "x")
    assert world.held[ONE] == pytest.approx(REFUSAL_SECONDS)


def test_refusal_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            for _ in range(20):
                world.watch.observe(ONE, Listing.REFUSED, "x")
            world.clock.advance(24 * 3600)
    assert [record.getMessage() for record in caplog.records] == [
        (
            "dns list one.example.org paused for 15 minutes: it refuses to answer us (public resolver, too many "
            "questions, or a wrong key)"
        )
    ]


def test_no_answer_says_nothing() -> None:
    world = World()
    for n in range(500):
        world.watch.observe(ONE, Listing.UNKNOWN, f"client{n}")
    assert world.watch.states()[0].asked == 0
    assert world.watch.is_usable(ONE)


def test_jump_of_the_hit_rate_pauses_the_zone_and_probes() -> None:
    world = World()
    world.feed(ONE, 1000, 0.1)
    world.feed(TWO, 1000, 0.1)
    assert world.watch.is_usable(ONE)
    world.feed(ONE, 60, 1.0, start=1000)
    assert not world.watch.is_usable(ONE)
    assert state(world).startswith("lists far more than it used to")
    assert world.held[ONE] == pytest.approx(JUMP_SECONDS)
    world.clock.advance(JUMP_SECONDS + 1)
    world.feed(ONE, 60, 1.0, start=2000)  # if it lasts, it is the usual rate
    assert world.watch.is_usable(ONE)


def test_wave_of_spam_moves_all_zones_and_pauses_none() -> None:
    world = World()
    world.feed(ONE, 1000, 0.1)
    world.feed(TWO, 1000, 0.1)
    for n in range(80):
        world.feed(ONE, 1, 1.0, start=1000 + n)
        world.feed(TWO, 1, 1.0, start=1000 + n)
    assert world.watch.is_usable(ONE)
    assert world.watch.is_usable(TWO)


def test_one_listed_client_that_connects_often_is_no_jump() -> None:
    world = World()
    world.feed(ONE, 1000, 0.1)
    for _ in range(1000):
        world.watch.observe(ONE, Listing.LISTED, "the same")
    assert world.watch.is_usable(ONE)


def test_rate_means_nothing_before_it_is_learned() -> None:
    world = World()
    world.feed(ONE, LEARNED // 2 - 1, 0.0)
    world.feed(ONE, LEARNED // 2 - 1, 1.0, start=1000)
    assert world.watch.is_usable(ONE)


PROBES = {
    "healthy": (healthy, ""),
    "lists everything": (lambda q, d: listed(), "lists its test point that must not be listed"),
    "wildcard with an odd code": (
        lambda q, d: listed("127.0.0.77"),
        "lists its test point that must not be listed",
    ),
    "empty": (lambda q, d: NXDOMAIN, "does not list its test point: it is empty"),
    "refuses": (lambda q, d: listed("127.255.255.254"), "refuses to answer us"),
    "parked": (lambda q, d: listed("192.0.2.99"), "answers with addresses outside 127.0.0.0/8"),
    "silent": (lambda q, d: tempfail("timeout"), ""),
}


@pytest.mark.parametrize(("probe", "reason"), PROBES.values(), ids=PROBES)
def test_probe_finds_what_is_wrong(
    probe: Callable[[Question, float], Answer], reason: str
) -> None:
    world = World(probe)
    world.watch.probe_all()
    assert state(world).startswith(reason)
    assert world.watch.is_usable(ONE) is (reason == "")
    assert (ONE in world.held) is (reason != "")


@pytest.mark.parametrize("name", ["lists everything", "empty", "refuses", "parked"])
def test_good_probe_ends_the_pause(name: str) -> None:
    world = World(PROBES[name][0])
    world.watch.probe_all()
    assert not world.watch.is_usable(ONE)
    world.answer = lambda _question, _deadline: tempfail("timeout")
    world.watch.probe_all()
    assert not world.watch.is_usable(ONE)  # silence is no recovery
    world.answer = healthy
    world.watch.probe_all()
    assert world.watch.is_usable(ONE)
    assert world.held[ONE] == 0


def test_bad_probe_prolongs_the_pause() -> None:
    world = World(PROBES["lists everything"][0])
    for _ in range(3):
        world.watch.probe_all()
        world.clock.advance(BROKEN_SECONDS - 60)
        assert not world.watch.is_usable(ONE)


# -- several workers, one store


class BrokenStore(MemoryState):
    """A store that may be down."""

    is_down = False

    def pause(self, pause: ZonePause, now: float) -> bool:
        self._answer()
        return super().pause(pause, now)

    def pauses(self, now: float) -> Sequence[ZonePause]:
        self._answer()
        return super().pauses(now)

    def _answer(self) -> None:
        if self.is_down:
            raise StoreUnavailable("gone")


@pytest.fixture
def store() -> BrokenStore:
    return BrokenStore()


def workers(store: BrokenStore, count: int = 4) -> list[World]:
    clock = FixedClock()
    return [World(shared=store, clock=clock) for _ in range(count)]


def share(worlds: Iterable[World]) -> None:
    for world in worlds:
        world.watch.share()


def test_what_one_worker_finds_out_holds_in_all_and_is_logged_once(
    store: BrokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    first, *others = worlds = workers(store)
    first.watch.observe(ONE, Listing.REFUSED, "x")
    others[0].watch.observe(ONE, Listing.REFUSED, "x")  # at the same moment
    with caplog.at_level(logging.WARNING):
        share(worlds)
        share(worlds)
    for world in worlds:
        assert not world.watch.is_usable(ONE)
        assert world.watch.is_usable(TWO)
        assert world.held[ONE] == pytest.approx(REFUSAL_SECONDS)
        assert state(world).startswith("refuses to answer us")
    assert len(caplog.records) == 1
    first.clock.advance(REFUSAL_SECONDS + 1)
    assert all(world.watch.is_usable(ONE) for world in worlds)


def test_whoever_finds_the_zone_well_ends_the_pause_for_all(
    store: BrokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    first, *others = worlds = workers(store)
    first.watch.observe(ONE, Listing.FOREIGN, "x")
    share(worlds)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        others[-1].watch.probe_all()
        share(reversed(worlds))
    assert all(world.watch.is_usable(ONE) for world in worlds)
    assert all(world.held[ONE] == 0 for world in worlds)
    assert [record.getMessage() for record in caplog.records] == [
        "dns list one.example.org is used again"
    ]


def test_a_jump_is_found_once_for_all(
    store: BrokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    worlds = workers(store, 2)
    for world in worlds:
        world.feed(ONE, 1000, 0.1)
        world.feed(TWO, 1000, 0.1)
    with caplog.at_level(logging.WARNING):
        worlds[1].feed(ONE, 20, 1.0, start=1000)  # not yet a jump here
        worlds[0].feed(ONE, 60, 1.0, start=1000)
        share(worlds)
        worlds[0].clock.advance(JUMP_SECONDS + 1)
        worlds[1].feed(ONE, 20, 1.0, start=2000)
        share(worlds)
    assert all(world.watch.is_usable(ONE) for world in worlds)
    assert len(caplog.records) == 1


def test_with_the_store_down_each_worker_finds_out_by_itself(store: BrokenStore) -> None:
    store.is_down = True
    first, second = workers(store, 2)
    first.watch.observe(ONE, Listing.REFUSED, "x")
    share([first, second])
    assert not first.watch.is_usable(ONE)
    assert second.watch.is_usable(ONE)
    store.is_down = False
    share([first, second])
    assert not first.watch.is_usable(ONE)  # what is known here holds, though the store forgot
    second.watch.observe(ONE, Listing.REFUSED, "x")
    share([second, first])
    assert not first.watch.is_usable(ONE)
    assert not second.watch.is_usable(ONE)


def test_a_worker_that_starts_knows_what_the_others_know(store: BrokenStore) -> None:
    (first,) = workers(store, 1)
    first.watch.observe(ONE, Listing.REFUSED, "x")
    share([first])
    late = World(shared=store, clock=first.clock)
    share([late])
    assert not late.watch.is_usable(ONE)


def test_what_a_wrong_clock_noted_pauses_nothing(store: BrokenStore) -> None:
    (first,) = workers(store, 1)
    now = first.clock.now()
    store.pause(ZonePause(ONE, now + 10 * 365 * 86400, "lists everything", 0), now)
    share([first])
    assert first.watch.is_usable(ONE)


def test_unknown_zone_is_usable() -> None:
    world = World()
    world.watch.observe("other.example", Listing.REFUSED, "x")
    assert world.watch.is_usable("other.example")


def test_dead_lists_are_not_probed() -> None:
    asked: list[str] = []

    def probe(question: Question, _deadline: float) -> Answer:
        asked.append(question.name)
        return NXDOMAIN

    dead = a_list("relays.ordb.org")
    ZoneWatch([dead, a_list(ONE)], probe).probe_all()
    assert asked == ["1.0.0.127.one.example.org", "2.0.0.127.one.example.org"]


def test_paused_zone_is_not_asked_over_the_network() -> None:
    zone = "*.one.example.org A 127.255.255.254\n*.two.example.org A 127.0.0.2\n"
    with Nameserver(zone) as server:
        cache = Cache(Stub([server.address]))
        watch = ZoneWatch([a_list(ONE)], cache.probe, hold=cache.hold)
        try:
            watch.start()
            deadline = time.monotonic() + 10
            while watch.is_usable(ONE) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not watch.is_usable(ONE)
            before = len(server.log)
            answer = cache.ask(question(f"9.2.0.192.{ONE}", RRType.A), deadline)
            assert answer.reason == "held"
            cache.prefetch([question(f"8.2.0.192.{ONE}", RRType.A)])
            assert len(server.log) == before
            assert (
                cache.ask(question(f"9.2.0.192.{TWO}", RRType.A), deadline).status is Status.OK
            )
        finally:
            watch.close()
            cache.close()

"""What every store does, whatever keeps it: memory, SQLite, Redis alone, in a cluster, behind Sentinel."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filterd.core.stores import Bucket, Standing, Terms, ZonePause
from filterd.store import State
from filterd.store.keys import MAX_KEY, Seal
from filterd.store.memory import MemoryState
from filterd.store.redis import RedisState
from filterd.store.settings import StoreSettings
from filterd.store.sqlite import SqliteState
from filterd.store.triplet import TOUCH

Settings = dict[str, Any]

TERMS = Terms(delay=90, window=7200, expiry=86400, passes=3)
T0 = 1_790_000_000.0
NET = "192.0.2.0/24"
numbers = itertools.count()


KINDS = [
    pytest.param("memory"),
    pytest.param("sqlite"),
    *(pytest.param(name, marks=pytest.mark.redis) for name in ("redis", "cluster", "sentinel")),
]


@pytest.fixture(params=KINDS)
def make(
    request: pytest.FixtureRequest, tmp_path: Path, servers: Callable[[str], Settings]
) -> Iterator[Callable[..., State]]:
    """Makes empty stores of one kind."""
    made: list[State] = []

    def build(seal: Seal | None = None) -> State:
        number = next(numbers)
        match request.param:
            case "memory":
                state: State = MemoryState(seal)
            case "sqlite":
                path = tmp_path / f"state-{number}.sqlite"
                state = SqliteState(path, seal=seal, timeout=2.0)
            case kind:
                settings = StoreSettings(
                    kind="redis", prefix=f"t{number}", timeout=2.0, **servers(kind)
                )
                state = RedisState(settings, seal)
        made.append(state)
        return state

    yield build
    for state in made:
        state.close()


@pytest.fixture
def state(make: Callable[..., State]) -> State:
    return make()


def key(name: str = "a") -> str:
    return f"ann@a.example {name}@b.example"


# -- greylist


def test_first_early_passed_known(state: State) -> None:
    seen = [state.attempt(NET, [key()], T0 + after, TERMS) for after in (0, 30, 90, 100, 5000)]
    assert [s.standing.value for s in seen] == ["first", "early", "passed", "known", "known"]
    assert {s.first_seen for s in seen} == {T0}
    assert [s.attempts for s in seen[:3]] == [1, 2, 3]


def test_other_recipients_wait_for_themselves(state: State) -> None:
    state.attempt(NET, [key("a")], T0, TERMS)
    assert state.attempt(NET, [key("b")], T0 + 100, TERMS).standing is Standing.FIRST


def test_a_retry_after_the_window_is_a_first_attempt(state: State) -> None:
    state.attempt(NET, [key()], T0, TERMS)
    again = state.attempt(NET, [key()], T0 + TERMS.window, TERMS)
    assert (again.standing, again.first_seen, again.attempts) == (
        Standing.FIRST,
        T0 + TERMS.window,
        1,
    )


def test_what_passed_is_kept_while_it_is_used(state: State) -> None:
    state.attempt(NET, [key()], T0, TERMS)
    now = T0 + 100
    for _ in range(4):
        state.attempt(NET, [key()], now, TERMS)
        now += TERMS.expiry * 0.9
    assert state.attempt(NET, [key()], now, TERMS).standing.must_wait is False
    assert (
        state.attempt(NET, [key()], now + TERMS.expiry * 1.1, TERMS).standing is Standing.FIRST
    )


def test_a_client_that_passed_often_is_not_asked(state: State) -> None:
    now = T0
    for n in range(TERMS.passes):
        assert state.attempt(NET, [key(str(n))], now, TERMS).standing is Standing.FIRST
        passed = state.attempt(NET, [key(str(n))], now + 90, TERMS)
        assert (passed.standing, passed.passes) == (Standing.PASSED, n + 1)
        now += TOUCH
    assert state.attempt(NET, [key("new")], now, TERMS).standing is Standing.ALLOWED
    other = state.attempt("198.51.100.0/24", [key("new")], now, TERMS)
    assert other.standing is Standing.FIRST


def test_all_recipients_of_one_message_stand_together(state: State) -> None:
    both = [key("a"), key("b")]
    state.attempt(NET, both, T0, TERMS)
    assert state.attempt(NET, both[1:], T0 + 90, TERMS).standing is Standing.PASSED
    assert state.attempt(NET, both, T0 + 95, TERMS).standing is Standing.KNOWN
    assert state.attempt(NET, both[:1], T0 + 99, TERMS).standing is Standing.KNOWN


@pytest.mark.parametrize("name", ["x" * (MAX_KEY * 2), "ünï", "a b\x00c", "{tag}", "\udcff"])
def test_any_key_is_a_key(state: State, name: str) -> None:
    assert state.attempt(NET, [key(name)], T0, TERMS).standing is Standing.FIRST
    assert state.attempt(NET, [key(name)], T0 + 90, TERMS).standing is Standing.PASSED
    assert state.attempt(NET, [key(name + "y")], T0 + 90, TERMS).standing is Standing.FIRST


def test_the_ledger_counts_by_day_of_the_first_attempt(state: State) -> None:
    for n in range(3):
        state.attempt(NET, [key(str(n))], T0, TERMS)
    state.attempt(NET, [key("0")], T0 + 30, TERMS)
    back = state.attempt(NET, [key("0")], T0 + 300, TERMS)
    state.content(back.first_seen, 7.3)
    state.attempt(NET, [key("later")], T0 + 5 * 86400, TERMS)
    days = state.ledger(T0)
    assert [(d.deferred, d.returned) for d in days] == [(3, 1), (1, 0)]
    assert (days[0].delays, days[0].scores) == ({32: 1}, {7: 1})
    assert [d.deferred for d in state.ledger(T0 + 86400)] == [1]


def test_every_implementation_follows_the_same_rules(state: State) -> None:
    """A long random story, step by step beside the reference."""
    reference = MemoryState()
    dice = random.Random(7)
    now = T0
    for _ in range(600):
        now += dice.choice([0, 1, 45, 90, 400, 3600, 7200, 50000])
        client = dice.choice(["192.0.2.0/24", "@a.example"])
        keys = [f"x {dice.randrange(6)}" for _ in range(dice.choice([1, 1, 1, 3]))]
        keys = list(dict.fromkeys(keys))
        assert state.attempt(client, keys, now, TERMS) == reference.attempt(
            client, keys, now, TERMS
        )
    assert state.ledger(0) == reference.ledger(0)


# -- rates

HOUR = Bucket("client 192.0.2.0/24", limit=60, period=3600, burst=10)
OTHER = Bucket("user ann", limit=60, period=3600, burst=4)


def test_a_bucket_fills_and_leaks(state: State) -> None:
    for n in range(10):
        assert state.charge([HOUR], 1, T0) == [n + 1]
    assert state.charge([HOUR], 1, T0) == [11]  # over, not kept
    assert state.charge([HOUR], 1, T0 + 60) == pytest.approx([10])
    assert state.charge([HOUR], 1, T0 + 86400) == pytest.approx([1])


def test_one_full_bucket_keeps_all_from_being_charged(state: State) -> None:
    for _ in range(4):
        state.charge([HOUR, OTHER], 1, T0)
    assert state.charge([HOUR, OTHER], 1, T0) == pytest.approx([5, 5])
    assert state.charge([HOUR], 1, T0) == pytest.approx([5])


def test_a_refund_gives_the_budget_back(state: State) -> None:
    state.charge([HOUR], 3, T0)
    state.refund([HOUR], 2, T0)
    assert state.charge([HOUR], 1, T0) == pytest.approx([2])
    state.refund([HOUR], 99, T0)
    assert state.charge([HOUR], 1, T0) == pytest.approx([1])


def test_who_does_not_wait_for_a_charge_has_charged(state: State) -> None:
    state.fill([HOUR, OTHER], 3, T0)
    assert state.levels([HOUR, OTHER], T0) == pytest.approx([3, 3])
    state.fill([HOUR, OTHER], 3, T0)  # one is full: neither is charged
    state.refund([HOUR], 1, T0)
    assert state.charge([HOUR], 1, T0) == pytest.approx([3])
    state.fill([], 1, T0)


def test_facts_of_every_kind_are_recalled_together(state: State) -> None:
    state.sent(["p1"], T0, 1000)
    state.spring(["192.0.2.1/32"], T0, 500)
    state.charge([HOUR], 5, T0)
    found = state.recall(
        [
            ("trap", "192.0.2.1/32"),
            ("correspondent", "p0"),
            ("bucket", HOUR.key),
            ("correspondent", "p1"),
        ]
    )
    assert found == [(T0 + 500,), (), pytest.approx((5, T0, T0 + 300)), (T0, T0 + 1000)]
    assert state.recall([]) == []


def test_a_level_can_be_looked_at(state: State) -> None:
    state.charge([HOUR], 5, T0)
    assert state.levels([OTHER, HOUR], T0 + 60) == pytest.approx([0, 4])
    assert state.levels([HOUR], T0 + 60) == pytest.approx([4])
    assert state.levels([], T0) == []


def test_a_glimpse_follows_what_is_charged_and_leaks(state: State) -> None:
    assert state.glimpse(HOUR, T0) == 0
    state.charge([HOUR, OTHER], 3, T0)
    assert state.glimpse(HOUR, T0) == pytest.approx(3)
    assert state.glimpse(HOUR, T0 + 60) == pytest.approx(2)
    state.charge([HOUR], 1, T0 + 60)
    assert state.glimpse(HOUR, T0 + 60) == pytest.approx(3)
    assert state.glimpse(HOUR, T0 + 7200) == 0


def test_a_clock_that_went_back_gives_nothing_away(state: State) -> None:
    state.charge([HOUR], 5, T0)
    assert state.charge([HOUR], 1, T0 - 7200) == pytest.approx([6])


def test_what_a_wrong_clock_noted_is_no_burden(state: State) -> None:
    future = T0 + 10 * 365 * 86400
    state.charge([HOUR], HOUR.burst, future)
    assert state.charge([HOUR], 1, T0) == pytest.approx([1])
    assert state.attempt(NET, [key("c")], future, TERMS).standing is Standing.FIRST
    early = state.attempt(NET, [key("c")], T0, TERMS)
    assert (early.standing, early.first_seen) == (Standing.EARLY, T0)
    assert state.attempt(NET, [key("c")], T0 + 90, TERMS).standing is Standing.PASSED


# -- correspondents, traps


def test_what_we_sent_is_remembered_for_its_time(state: State) -> None:
    state.sent(["p1", "m1"], T0, 1000)
    state.sent(["p1"], T0 + 500, 1000)
    assert state.last_sent(["p0", "p1", "m1"], T0 + 600) == [0.0, T0 + 500, T0]
    assert state.last_sent(["p1", "m1"], T0 + 1200) == [T0 + 500, 0.0]
    assert state.last_sent([], T0) == []


def test_a_trap_lists_its_client_for_its_time(state: State) -> None:
    state.spring(["192.0.2.1/32"], T0, 86400)
    assert state.trapped_until(["192.0.2.1/32"], T0 + 5) == T0 + 86400
    assert state.trapped_until(["192.0.2.2/32", "192.0.2.1/32"], T0 + 5) == T0 + 86400
    assert state.trapped_until(["192.0.2.2/32"], T0 + 5) == 0.0
    assert state.trapped_until(["192.0.2.1/32"], T0 + 86400) == 0.0


# -- pauses


def test_a_pause_is_news_once_and_lasts_for_its_time(state: State) -> None:
    pause = ZonePause("zen.example.org", T0 + 900, "refuses to answer us", 2)
    assert state.pause(pause, T0)
    assert not state.pause(pause, T0 + 1)
    assert state.pauses(T0 + 899) == [pause]
    assert state.pauses(T0 + 900) == []
    assert state.pause(replace(pause, until=T0 + 2000), T0 + 1000)


def test_the_later_end_of_two_pauses_counts(state: State) -> None:
    pause = ZonePause("zen.example.org", T0 + 900, "it is empty")
    state.pause(pause, T0)
    assert not state.pause(replace(pause, until=T0 + 1800), T0 + 5)
    assert not state.pause(replace(pause, until=T0 + 600), T0 + 5)
    assert [p.until for p in state.pauses(T0)] == [T0 + 1800]


def test_a_zone_that_is_well_again_is_forgotten_once(state: State) -> None:
    state.pause(ZonePause("a.example", T0 + 900, "x"), T0)
    state.pause(ZonePause("b.example", T0 + 900, "y z"), T0)
    assert state.resume("a.example")
    assert not state.resume("a.example")
    assert [p.zone for p in state.pauses(T0)] == ["b.example"]


# -- moving, hashing


def fill(state: State) -> None:
    state.attempt(NET, [key()], T0, TERMS)
    state.attempt(NET, [key()], T0 + 90, TERMS)
    state.charge([HOUR], 2, T0)
    state.sent(["p1"], T0, 1e6)
    state.spring(["192.0.2.1/32"], T0, 1e6)


def check_filled(state: State) -> None:
    assert state.attempt(NET, [key()], T0 + 200, TERMS).standing is Standing.KNOWN
    assert state.charge([HOUR], 1, T0) == [3]
    assert state.last_sent(["p1"], T0) == [T0]
    assert state.trapped_until(["192.0.2.1/32"], T0) == T0 + 1e6
    assert [(d.deferred, d.returned) for d in state.ledger(0)] == [(1, 1)]


def test_state_moves_out_and_in(state: State) -> None:
    fill(state)
    rows = list(state.export_rows())
    assert {row.kind for row in rows} == {
        "triplet",
        "client",
        "ledger",
        "bucket",
        "correspondent",
        "trap",
    }
    elsewhere = MemoryState()
    assert elsewhere.import_rows(rows) == len(rows)
    check_filled(elsewhere)


def test_state_moves_in(state: State) -> None:
    source = MemoryState()
    fill(source)
    rows = list(source.export_rows())
    assert state.import_rows(iter(rows)) == len(rows)
    assert sorted(state.export_rows(), key=str) == sorted(rows, key=str)
    check_filled(state)


def test_hashed_state_names_nobody(make: Callable[..., State]) -> None:
    state = make(Seal(is_hashed=True, secret=b"s"))
    fill(state)
    text = " ".join(row.key for row in state.export_rows() if row.kind != "ledger")
    assert not any(word in text for word in ("192.0.2", "example", "ann"))
    check_filled(state)

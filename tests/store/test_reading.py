"""What was announced is asked once, for all together; what was not is asked as ever."""

from __future__ import annotations

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Bucket, Fact
from filterd.store.reading import ROOM, Announced
from tests.support.watched import Watched

T0 = 1_790_000_000.0
WIDE = Bucket("recipient ann", limit=1000, period=3600, burst=ROOM + 10)
PAIR: Fact = ("correspondent", "p1")
TRAP: Fact = ("trap", "192.0.2.1/32")
LEVEL: Fact = ("bucket", WIDE.key)


def test_one_trip_answers_all_that_was_announced() -> None:
    state = Watched()
    state.sent(["p1"], T0, 1000)
    state.spring(["192.0.2.1/32"], T0, 1000)
    seen = Announced(state)
    seen.expect([PAIR, TRAP, LEVEL, PAIR])
    assert seen.last_sent(["p1"], T0 + 1) == [T0]
    assert seen.last_sent(["p1"], T0 + 1000) == [0.0]
    assert seen.trapped_until(["192.0.2.1/32"], T0 + 1) == T0 + 1000
    assert seen.levels([WIDE], T0) == [0]
    assert state.trips == [[PAIR, TRAP, LEVEL]]


def test_nothing_announced_is_nothing_asked() -> None:
    state = Watched()
    Announced(state).expect([])
    assert state.trips == []


def test_what_was_not_announced_is_asked_for() -> None:
    state = Watched()
    state.sent(["p2"], T0, 1000)
    seen = Announced(state)
    seen.expect([PAIR])
    assert seen.last_sent(["p1", "p2"], T0) == [0.0, T0]
    assert state.trips == [[PAIR], [PAIR, ("correspondent", "p2")]]


def test_what_is_known_does_not_outlive_its_stage() -> None:
    state = Watched()
    seen = Announced(state)
    seen.expect([PAIR])
    state.sent(["p1"], T0, 1000)
    seen.forget()
    assert seen.last_sent(["p1"], T0) == [T0]


def test_a_store_that_failed_is_not_asked_again_for_it() -> None:
    state = Watched()
    seen = Announced(state)
    state.is_down = True
    seen.expect([PAIR, TRAP])
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="gone"):
            seen.last_sent(["p1"], T0)
    with pytest.raises(StoreUnavailable):
        seen.trapped_until(["192.0.2.1/32"], T0)
    assert len(state.trips) == 1
    state.is_down = False
    seen.forget()
    assert seen.last_sent(["p1"], T0) == [0.0]


def test_a_charge_with_room_to_spare_is_not_waited_for() -> None:
    state = Watched()
    seen = Announced(state)
    for n in range(10):
        seen.expect([LEVEL])
        assert seen.charge([WIDE], 1, T0) == [n + 1]
    assert "charge" not in state.trips
    seen.expect([LEVEL])
    assert seen.charge([WIDE], 1, T0) == [11]
    assert state.trips[-1] == "charge"
    assert state.levels([WIDE], T0) == [11]


def test_a_level_is_used_for_one_charge() -> None:
    state = Watched()
    seen = Announced(state)
    seen.expect([LEVEL])
    assert [seen.charge([WIDE], 1, T0)[0] for _ in range(3)] == [1, 2, 3]


def test_sessions_that_all_saw_the_same_level_take_no_more_than_fits() -> None:
    state = Watched()
    state.charge([WIDE], 10, T0)
    sessions = [Announced(state) for _ in range(200)]
    for one in sessions:
        one.expect([LEVEL])
    kept = [one.charge([WIDE], 1, T0)[0] <= WIDE.burst for one in sessions]
    assert sum(kept) == ROOM

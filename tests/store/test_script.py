"""The Lua restates store.triplet: whatever happens, both say the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filterd.core.stores import Bucket, Terms
from filterd.store.memory import MemoryState
from filterd.store.redis import RedisState
from filterd.store.server import Script
from filterd.store.settings import StoreSettings

pytestmark = pytest.mark.redis
numbers = itertools.count()
T0 = 1_790_000_000.125

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [0.0, 0.001, 29.999, 30.0, 89.0, 90.0, 3599.9, 3600.0, 7200.0, 90000.0, -50.0]
        ),
        st.sampled_from(["net", "@dom"]),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True),
    ),
    max_size=25,
)
terms = st.builds(
    Terms,
    st.sampled_from([0.0, 30.0, 90.0]),
    st.sampled_from([3600.0, 7200.0]),
    st.sampled_from([7200.0, 90000.0]),
    st.integers(0, 3),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps, terms)
def test_lua_and_python_follow_the_same_rules(
    servers: Callable[[str], dict[str, Any]],
    story: list[tuple[float, str, list[str]]],
    chosen: Terms,
) -> None:
    made = {"prefix": f"s{next(numbers)}", "timeout": 2.0, **servers("redis")}
    state, reference = RedisState(StoreSettings.model_validate(made)), MemoryState()
    now = T0
    for seconds, client, deliveries in story:
        now += seconds
        looked = state.look(client, deliveries, now, chosen)
        assert looked == reference.look(client, deliveries, now, chosen)
        assert state.attempt(client, deliveries, now, chosen) == reference.attempt(
            client, deliveries, now, chosen
        )
    assert state.ledger(0) == reference.ledger(0)
    rows = {(r.kind, r.key): r.values for r in state.export_rows() if r.kind != "ledger"}
    for row in reference.export_rows():
        if row.kind != "ledger" and row.values[-1] > now:
            assert rows[row.kind, row.key] == row.values
    state.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 10.0, 1000.0, -5.0]),
            st.sampled_from(["charge", "refund"]),
            st.sets(st.integers(0, 2), min_size=1),
            st.sampled_from([1.0, 2.5]),
        ),
        max_size=25,
    )
)
def test_buckets_hold_the_same(
    servers: Callable[[str], dict[str, Any]],
    story: list[tuple[float, str, set[int], float]],
) -> None:
    made = {"prefix": f"s{next(numbers)}", "timeout": 2.0, **servers("redis")}
    state, reference = RedisState(StoreSettings.model_validate(made)), MemoryState()
    buckets = [Bucket("a", 60, 60, 10), Bucket("b", 1, 3600, 4), Bucket("c", 100, 1, 3)]
    now = T0
    for seconds, what, which, cost in story:
        now += seconds
        some = [buckets[n] for n in sorted(which)]
        if what == "charge":
            assert state.charge(some, cost, now) == pytest.approx(
                reference.charge(some, cost, now)
            )
        else:
            state.refund(some, cost, now)
            reference.refund(some, cost, now)
        assert state.levels(buckets, now) == pytest.approx(reference.levels(buckets, now))
    state.close()


def test_a_script_is_known_by_its_hash() -> None:
    assert Script("return 1").hash == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

"""Holding answers: longer for more suspicion and a worse record, never for good senders, always bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.checks.tarpit import CHECK, Settings
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import Delay, Evidence, Hit
from filterd.core.stage import Stage
from filterd.store.memory import MemoryState
from tests.support.builders import a_transaction, no_dns

SPAMMY = Hit("DNSBL_LISTED")
STERN = Settings(
    start=3,
    seconds_per_point=1.5,
    ceiling=15,
    end_start=12,
    end_ceiling=25,
    total=60,
    per_mark=1.0,
)


def held(
    points: float,
    stage: Stage = Stage.RCPT,
    *seen: Evidence,
    store: MemoryState | None = None,
    clock: FixedClock | None = None,
    settings: Settings | None = None,
    **facts: Any,
) -> float:
    services = Services(
        ask=no_dns,
        clock=clock or FixedClock(),
        rates=store,
        points=lambda _: {"X": points, "": points},
    )
    tx = a_transaction(stage=stage, evidence=(Hit("X"), *seen), **facts)
    found = list(CHECK.run(tx, settings or STERN, services))
    assert [e.symbol for e in found if isinstance(e, Hit)] == (
        ["TARPIT"] if found and not tx.hit("TARPIT") else []
    )
    return sum(e.seconds for e in found if isinstance(e, Delay))


@pytest.mark.parametrize(
    ("points", "stage", "seconds"),
    [
        (0, Stage.RCPT, 0),
        (3, Stage.RCPT, 0),
        (5, Stage.RCPT, 3),
        (100, Stage.RCPT, 15),
        (5, Stage.CONNECT, 3),
        (0, Stage.CONNECT, 0),
        (11, Stage.EOM, 0),
        (14, Stage.EOM, 3),
        (100, Stage.EOM, 25),
    ],
)
def test_the_wait_grows_with_suspicion(points: float, stage: Stage, seconds: float) -> None:
    assert held(points, stage) == seconds


@pytest.mark.parametrize(
    "facts",
    [{"auth_user": "ann"}, {"is_local": True}, {"client": "unknown"}],
    ids=["authenticated", "local", "no-address"],
)
def test_our_own_never_wait(facts: dict[str, Any]) -> None:
    assert held(50, Stage.RCPT, SPAMMY, **facts) == 0


@pytest.mark.parametrize("symbol", ["ALLOW_CLIENT", "CORRESPONDENT_KNOWN", "DNSWL_MEDIUM"])
def test_good_senders_never_wait(symbol: str) -> None:
    assert held(50, Stage.RCPT, SPAMMY, Hit(symbol)) == 0


def test_a_high_rate_makes_it_longer() -> None:
    assert held(5, Stage.RCPT, Hit("RATE_HIGH")) == 9


def test_a_network_with_a_record_waits_at_connect_and_its_record_fades() -> None:
    store, clock = MemoryState(), FixedClock()
    assert held(0, Stage.CONNECT, store=store, clock=clock) == 0
    for n in range(4):
        assert held(5, store=store, clock=clock) == 3 + n + 1
    assert held(0, Stage.CONNECT, store=store, clock=clock, client="192.0.2.9") == 4
    assert held(0, Stage.CONNECT, store=store, clock=clock, client="192.0.3.9") == 0
    clock.advance(1200)
    assert held(0, Stage.CONNECT, store=store, clock=clock) == 2
    clock.advance(3600)
    assert held(0, Stage.CONNECT, store=store, clock=clock) == 0


def test_one_message_is_one_mark() -> None:
    store = MemoryState()
    held(5, Stage.RCPT, store=store)
    held(5, Stage.RCPT, Hit("TARPIT"), store=store)
    assert held(0, Stage.CONNECT, store=store) == 1


@given(st.floats(-100, 1000), st.lists(st.floats(0, 60), max_size=8))
def test_no_answer_outlasts_the_mta_and_all_together_are_bounded(
    points: float, before: list[float]
) -> None:
    settings = STERN
    earlier = [Delay(seconds, "TARPIT") for seconds in before]
    for stage in CHECK.runs:
        seconds = held(points, stage, Hit("TARPIT"), *earlier, settings=settings)
        assert 0 <= seconds <= (25 if stage is Stage.EOM else 15)
        assert seconds == 0 or seconds + sum(before) <= settings.total + 0.1

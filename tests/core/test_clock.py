from __future__ import annotations

from filterd.core.clock import FixedClock, StoppedClock, SystemClock


def test_the_system_clock_moves_and_agrees_with_itself() -> None:
    clock = SystemClock()
    first, started = clock.now(), clock.monotonic()
    assert clock.monotonic() >= started
    assert abs(clock.now() - first) < 60


def test_a_fixed_clock_moves_only_when_told_and_both_readings_together() -> None:
    clock = FixedClock(1000.0)
    assert (clock.now(), clock.monotonic()) == (1000.0, 1000.0)
    clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (1002.5, 1002.5)


def test_a_stopped_clock_keeps_deadlines_moving() -> None:
    clock = StoppedClock(1000.0)
    started = clock.monotonic()
    assert clock.now() == 1000.0
    assert clock.monotonic() >= started

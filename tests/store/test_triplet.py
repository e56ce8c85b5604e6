"""The rules of a greylist, without any store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.core.stores import Standing, Terms
from filterd.store.triplet import Client, Delivery, delay_bucket, score_bucket, step

TERMS = Terms(delay=90, window=7200, expiry=86400, passes=3)
T0 = 1_790_000_000.0


def waiting(first: float = T0, attempts: int = 1) -> Delivery:
    return Delivery(first, attempts, 0.0, first, first + TERMS.window)


@pytest.mark.parametrize(
    ("after", "standing", "first_seen"),
    [
        pytest.param(0, Standing.EARLY, T0, id="at-once"),
        pytest.param(89.9, Standing.EARLY, T0, id="just-too-early"),
        pytest.param(90, Standing.PASSED, T0, id="delay-over"),
        pytest.param(7199, Standing.PASSED, T0, id="end-of-window"),
        pytest.param(7200, Standing.FIRST, T0 + 7200, id="window-over"),
        pytest.param(-30, Standing.EARLY, T0 - 30, id="clock-went-back"),
    ],
)
def test_a_retry_is_judged_by_its_age(
    after: float, standing: Standing, first_seen: float
) -> None:
    answer = step([waiting()], None, T0 + after, TERMS).answer
    assert (answer.standing, answer.first_seen) == (standing, first_seen)


def test_an_early_retry_does_not_reset_the_clock() -> None:
    early = step([waiting()], None, T0 + 60, TERMS)
    assert early.deliveries is not None
    assert step(early.deliveries, None, T0 + 90, TERMS).answer.standing is Standing.PASSED


def test_what_passed_is_known_and_rarely_written() -> None:
    passed = step([waiting()], None, T0 + 100, TERMS)
    soon = step(passed.deliveries or [], passed.client, T0 + 200, TERMS)
    later = step(passed.deliveries or [], passed.client, T0 + 3800, TERMS)
    assert (soon.answer.standing, soon.is_read_only) == (Standing.KNOWN, True)
    assert (later.answer.standing, later.is_read_only) == (Standing.KNOWN, False)


def test_what_passed_is_forgotten_after_its_expiry() -> None:
    passed = step([waiting()], None, T0 + 100, TERMS)
    again = step(passed.deliveries or [], passed.client, T0 + 100 + 86400, TERMS)
    assert again.answer.standing is Standing.FIRST


def test_one_recipient_that_passed_speaks_for_all() -> None:
    known = Delivery(T0, 2, T0 + 100, T0 + 100, T0 + 86400)
    done = step([None, known, None], Client(1, T0, T0 + 86400), T0 + 200, TERMS)
    assert done.answer.standing is Standing.KNOWN
    assert done.deliveries is not None
    assert all(delivery.passed for delivery in done.deliveries)


@pytest.mark.parametrize(
    ("passes", "expires", "standing"),
    [
        pytest.param(2, T0 + 10, Standing.FIRST, id="not-yet"),
        pytest.param(3, T0 + 10, Standing.ALLOWED, id="often-enough"),
        pytest.param(3, T0 - 1, Standing.FIRST, id="expired"),
    ],
)
def test_a_client_that_passed_often_is_allowed(
    passes: int, expires: float, standing: Standing
) -> None:
    assert step([None], Client(passes, T0 - 10, expires), T0, TERMS).answer.standing is standing


def test_zero_passes_never_allows() -> None:
    terms = Terms(passes=0)
    assert step([None], Client(99, T0, T0 + 10), T0, terms).answer.standing is Standing.FIRST


def test_a_pass_counts_at_most_once_an_hour() -> None:
    client = step([waiting()], Client(1, T0, T0 + 86400), T0 + 100, TERMS).client
    assert client is None
    client = step([waiting()], Client(1, T0 - 3600, T0 + 86400), T0 + 100, TERMS).client
    assert client is not None
    assert client.passes == 2


@given(st.lists(st.floats(0, 3 * 86400), min_size=1, max_size=30))
def test_nobody_passes_before_the_delay_nor_waits_after_it(steps: list[float]) -> None:
    """Whatever the rhythm of retries: FIRST opens a wait, which ends with delay or window."""
    known: list[Delivery | None] = [None]
    client = None
    now = T0
    first = None
    for seconds in steps:
        now += seconds
        done = step(known, client, now, TERMS)
        answer = done.answer
        if answer.standing is Standing.FIRST:
            assert first is None or now - first >= TERMS.window
            first = now
        elif answer.standing is Standing.EARLY:
            assert first is not None
            assert now - first < TERMS.delay
        elif answer.standing is Standing.PASSED:
            assert first is not None
            assert TERMS.delay <= now - first < TERMS.window
            return
        known = list(done.deliveries or known)
        client = done.client or client


def test_buckets() -> None:
    assert [delay_bucket(s) for s in (0, 1, 2, 90, 3600)] == [0, 0, 4, 25, 47]
    assert [score_bucket(s) for s in (-0.5, 0, 5.99, 1e9, -1e9)] == [-1, 0, 5, 100, -50]

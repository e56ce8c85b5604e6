"""The breaker: a store that is down costs nobody anything until it is back."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.store.breaker import Breaker


class Wrong(Exception):
    pass


class OneKey(Wrong):
    pass


class Shop:
    """A store that works or not, and its breaker."""

    def __init__(self, failures: int = 3) -> None:
        self.is_well = True
        self.calls = 0
        self.breaker = Breaker(
            self.work,
            (Wrong,),
            kind="test",
            where="here",
            failures=failures,
            probe_every=0.05,
            passing=(OneKey,),
        )

    def work(self) -> int:
        self.calls += 1
        if not self.is_well:
            raise Wrong("broken\nwith a second line")
        return 42

    def ask(self) -> int:
        return self.breaker.call(self.work)

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(StoreUnavailable):
                self.ask()


def until(is_true: Callable[[], bool], seconds: float = 2.0) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_failures_in_a_row_open_it_and_then_nobody_calls() -> None:
    shop = Shop()
    shop.is_well = False
    shop.fail(3)
    assert not shop.breaker.health().is_available
    before = shop.calls
    started = time.perf_counter()
    shop.fail(20)
    assert time.perf_counter() - started < 0.04
    assert shop.calls == before
    assert shop.breaker.health().failures == 23
    shop.breaker.close()


def test_a_success_between_failures_keeps_it_closed() -> None:
    shop = Shop()
    for _ in range(5):
        shop.is_well = False
        shop.fail(2)
        shop.is_well = True
        assert shop.ask() == 42
    assert shop.breaker.health().is_available


def test_a_success_that_proves_nothing_does_not() -> None:
    shop = Shop()
    for _ in range(2):
        shop.is_well = False
        shop.fail(1)
        shop.is_well = True
        assert shop.breaker.call(shop.work, proves=False) == 42
    shop.is_well = False
    shop.fail(1)
    assert not shop.breaker.health().is_available
    shop.breaker.close()


def test_errors_of_one_key_do_not_count() -> None:
    shop = Shop()

    def one_key() -> None:
        raise OneKey("moving")

    for _ in range(10):
        with pytest.raises(StoreUnavailable, match="OneKey: moving"):
            shop.breaker.call(one_key)
    assert shop.breaker.health().is_available


def test_a_probe_closes_it_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop()
    shop.is_well = False
    with caplog.at_level(logging.WARNING, "filterd.store"):
        shop.fail(10)
        shop.is_well = True
        until(lambda: shop.breaker.health().is_available)
    assert shop.ask() == 42
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        "store state (test at here) is down, mail goes on without it",
        caplog.records[1].getMessage(),
    ]
    assert "is back after" in caplog.records[1].getMessage()
    assert len(caplog.records) == 2


def test_it_can_open_again() -> None:
    shop = Shop()
    for _ in range(3):
        shop.is_well = False
        shop.fail(3)
        shop.is_well = True
        until(lambda: shop.breaker.health().is_available)
        assert shop.ask() == 42


def test_only_the_named_errors_are_a_store_that_is_down() -> None:
    shop = Shop()

    def bug() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        shop.breaker.call(bug)
    assert shop.breaker.health().failures == 0


def test_what_it_says_is_one_line() -> None:
    shop = Shop()
    shop.is_well = False
    with pytest.raises(StoreUnavailable) as caught:
        shop.ask()
    assert str(caught.value) == "Wrong: broken"


def test_a_child_probes_for_itself() -> None:
    """A thread does not survive a fork: the child of a process with an open breaker starts its own."""
    shop = Shop()
    shop.is_well = False
    shop.fail(3)
    pid = os.fork()
    if pid == 0:
        try:
            shop.is_well = True
            try:
                shop.ask()  # still refused, but it starts the probing
            except StoreUnavailable:
                until(lambda: shop.breaker.health().is_available)
            os._exit(0 if shop.ask() == 42 else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    shop.breaker.close()

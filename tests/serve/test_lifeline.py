from __future__ import annotations

import os
import signal

import pytest

from filterd.serve.lifeline import Lifeline


@pytest.mark.parametrize("cause", ["order", "death"])
def test_the_worker_learns_of_an_order_and_of_the_masters_death(cause: str) -> None:
    lifeline = Lifeline.make()
    worker = os.fork()
    if worker == 0:
        lifeline.held_by_worker()
        lifeline.wait()
        os._exit(7)
    if cause == "order":
        lifeline.held_by_master()
        lifeline.cut()
        lifeline.cut()
    else:
        master = os.fork()
        if master == 0:
            signal.pause()
        lifeline.held_by_master()
        lifeline.cut()  # this process's copy; the "master" holds the last one
        os.kill(master, signal.SIGKILL)
        os.waitpid(master, 0)
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 7


def test_there_is_an_order_with_time_and_then_the_end() -> None:
    lifeline = Lifeline.make()
    lifeline.release()
    assert lifeline.wait() is True
    lifeline.cut()
    assert lifeline.wait() is False


def test_an_order_to_a_dead_worker_is_no_error() -> None:
    lifeline = Lifeline.make()
    lifeline.held_by_master()
    lifeline.release()
    lifeline.cut()

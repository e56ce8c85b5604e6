from __future__ import annotations

from filterd.core.stores import Standing, Terms
from filterd.store.memory import MemoryState
from filterd.store.observing import Unrecorded

T0 = 1_790_000_000.0
TERMS = Terms()
ASKED = ("192.0.2.0/24", ["ann@a.example bob@b.example"])


def test_what_is_observed_leaves_no_trace() -> None:
    state = MemoryState()
    watching = Unrecorded(state)
    for hours in range(10):
        seen = watching.attempt(*ASKED, T0 + hours * 7200, TERMS)
        assert seen.standing is Standing.FIRST
    watching.content(T0, 5.0)
    assert list(state.export_rows()) == []
    assert watching.ledger(0) == ()


def test_what_was_enforced_before_is_known() -> None:
    state = MemoryState()
    state.attempt(*ASKED, T0, TERMS)
    watching = Unrecorded(state)
    assert watching.attempt(*ASKED, T0 + 10, TERMS).standing is Standing.EARLY
    assert watching.attempt(*ASKED, T0 + 100, TERMS).standing is Standing.PASSED
    assert watching.attempt(*ASKED, T0 + 100, TERMS).standing is Standing.PASSED
    assert state.attempt(*ASKED, T0 + 100, TERMS).standing is Standing.PASSED

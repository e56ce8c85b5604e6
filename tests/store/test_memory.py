"""What only the memory store has: a bound. The rest is tests/store/test_contract.py."""

from __future__ import annotations

from filterd.core.stores import Standing, Terms
from filterd.store.memory import MemoryState

T0 = 1_790_000_000.0
TERMS = Terms(window=7200)


def waiting(state: MemoryState, name: str, now: float) -> bool:
    return state.attempt("net", [name], now, TERMS).standing is Standing.EARLY


def test_a_full_table_drops_what_has_expired_first() -> None:
    state = MemoryState(max_entries=100)
    for n in range(50):
        state.attempt("net", [f"old{n}"], T0, TERMS)
    for n in range(60):
        state.attempt("net", [f"new{n}"], T0 + 8000, TERMS)
    assert all(waiting(state, f"new{n}", T0 + 8001) for n in range(60))


def test_a_table_full_of_life_drops_the_oldest() -> None:
    state = MemoryState(max_entries=100)
    for n in range(105):
        state.attempt("net", [f"a{n}"], T0 + n, TERMS)
    assert len(list(state.export_rows())) <= 102
    assert waiting(state, "a104", T0 + 104)
    assert waiting(state, "a50", T0 + 104)

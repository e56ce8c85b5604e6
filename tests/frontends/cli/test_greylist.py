from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filterd.config.load import load
from filterd.core.clock import SystemClock
from filterd.core.stores import LedgerDay, Terms
from filterd.frontends.cli.greylist import DAY, Benefit, add_up, advice
from filterd.frontends.cli.main import run
from filterd.store import Stores
from filterd.store.memory import MemoryState

TODAY = 20_000
NOW = TODAY * DAY + 3600


class StubApp:
    def __init__(self, state: MemoryState) -> None:
        self.state = state

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, overrides)

    def open_stores(self, settings: Any) -> Stores:
        return Stores(self.state)


def test_what_is_too_young_may_still_come_back() -> None:
    ledger = [
        LedgerDay(TODAY - 10, 100, 40, {28: 40}, {-3: 30, 8: 6, 20: 4}),
        LedgerDay(TODAY - 1, 10, 2, {25: 2}),
        LedgerDay(TODAY, 5, 1, {25: 1}),
    ]
    found = add_up(ledger, NOW, 2 * DAY)
    assert (found.deferred, found.returned, found.waiting, found.lost) == (115, 43, 12, 60)
    assert (found.scored(float("-inf"), 0), found.scored(6, 15), found.scored(15, 99)) == (
        30,
        6,
        4,
    )
    assert 128 <= found.median_delay <= 153
    assert 76 <= add_up(ledger[1:], NOW, 2 * DAY).median_delay <= 91


@pytest.mark.parametrize(
    ("lost", "scores", "word"),
    [
        (10, {}, "Too few"),
        (80, {0: 20}, "80% of what was deferred never came back"),
        (5, {0: 95}, "Only 5% of what was deferred was unwanted"),
        (5, {0: 45, 10: 50}, "never came back"),
    ],
)
def test_advice(lost: int, scores: dict[int, int], word: str) -> None:
    returned = sum(scores.values())
    assert word in advice(Benefit(lost + returned, returned, 0, 60, 60, scores), tag=6.0)


def test_the_report_of_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    state = MemoryState()
    now = SystemClock().now()
    then = now - 5 * DAY
    for n in range(10):
        state.attempt("192.0.2.0/24", [f"x {n}"], then, Terms())
    for n in range(4):
        seen = state.attempt("192.0.2.0/24", [f"x {n}"], then + 300, Terms())
        state.content(seen.first_seen, 8.5)
    assert run(lambda: StubApp(state), ["greylist", "report", "--json"]) == 0  # type: ignore[arg-type,return-value]
    found = json.loads(capsys.readouterr().out)
    assert (found["deferred"], found["came_back"], found["never_came_back"]) == (10, 4, 6)
    assert found["scores"] == {"below_0": 0, "0_to_tag": 0, "tag_to_reject": 4, "reject": 0}
    assert 256 <= found["median_delay"] <= 305
    assert run(lambda: StubApp(state), ["greylist", "report"]) == 0  # type: ignore[arg-type,return-value]
    out = " ".join(capsys.readouterr().out.split())
    assert "deferred 10 came back 4 40% never came back 6" in out
    assert "6 to 15 4 100%" in out


def test_nothing_to_report_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda: StubApp(MemoryState()), ["greylist", "report"]) == 1  # type: ignore[arg-type,return-value]
    assert "nothing was greylisted in 30 days" in capsys.readouterr().err

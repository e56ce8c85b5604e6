from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from filterd.core.verdict import Action
from filterd.observe.metrics import Meter, absorb
from filterd.observe.settings import MetricsSettings
from filterd.observe.trend import FILE, HOUR, KEPT, QUARTER, Trend
from tests.observe.test_metrics import TX, VERDICT

NOON = 1_790_000_000.0 // 86400 * 86400 + 43200


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meter = Meter(folder, MetricsSettings(), pid=1, started=1)
        self.meter.flush()
        self.trend = Trend(folder)
        self.trend.update(NOON)

    def verdicts(self, count: int, at: float, action: Action = Action.REJECT) -> None:
        for _ in range(count):
            self.meter(TX, dataclasses.replace(VERDICT, action=action))
        self.meter.flush()
        self.trend.update(at)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_is_counted_falls_into_its_quarter(world: World) -> None:
    world.verdicts(3, NOON + 10)
    world.verdicts(2, NOON + QUARTER + 10)
    world.verdicts(1, NOON + QUARTER + 20, Action.ACCEPT)
    assert world.trend.actions(NOON + QUARTER + 30, 3) == [
        {},
        {"reject": 3},
        {"reject": 2, "accept": 1},
    ]
    assert world.trend.actions(NOON + QUARTER + 30, 2, 4) == [{}, {"reject": 5, "accept": 1}]


def test_symbols_are_kept_by_the_hour(world: World) -> None:
    world.verdicts(3, NOON)
    world.verdicts(2, NOON + 2 * HOUR)
    assert world.trend.symbols(NOON + 2 * HOUR)["A"] == 5
    assert world.trend.symbols(NOON + 2 * HOUR, 1)["A"] == 2
    assert world.trend.symbols(NOON + 48 * HOUR)["A"] == 0


def test_a_restart_loses_nothing_and_counts_nothing_twice(world: World) -> None:
    world.verdicts(3, NOON)
    world.trend.save()
    absorb(world.folder)  # the workers ended, new ones began
    world.trend = Trend(world.folder)
    world.trend.update(NOON + 5)
    assert world.trend.actions(NOON + 5, 1) == [{"reject": 3}]
    world.meter = Meter(world.folder, MetricsSettings(), pid=2, started=2)
    world.verdicts(2, NOON + 6)
    assert world.trend.actions(NOON + 6, 1) == [{"reject": 5}]


def test_counts_that_began_anew_are_counted(world: World) -> None:
    world.verdicts(3, NOON)
    for file in world.folder.glob("worker-*"):
        file.unlink()
    world.meter = Meter(world.folder, MetricsSettings(), pid=2, started=2)
    world.verdicts(2, NOON + 6)
    assert world.trend.actions(NOON + 6, 1) == [{"reject": 5}]


def test_what_is_old_is_forgotten(world: World) -> None:
    world.verdicts(3, NOON)
    world.verdicts(1, NOON + KEPT + 2 * QUARTER)
    world.trend.save()
    assert (world.folder / FILE).stat().st_size < 400
    assert sum(sum(a.values()) for a in world.trend.actions(NOON + KEPT, 1000)) == 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"actions": 3}', b"\xff"])
def test_a_broken_file_begins_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    world = World(tmp_path)
    world.verdicts(1, NOON)
    assert world.trend.actions(NOON, 1) == [{"reject": 1}]

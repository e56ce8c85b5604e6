"""The stores as one object: opened from settings, told in numbers, closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.core.history import VerdictRecord
from filterd.core.stores import Standing, Terms
from filterd.core.verdict import Action
from filterd.store import open_history, open_stores
from filterd.store.settings import HistorySettings, StoreSettings

T0 = 1_790_000_000.0
RECORD = VerdictRecord("WHY1", T0, Action.ACCEPT, 0.0, sender="ann@a.example")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_opened_from_settings(kind: str, tmp_path: Path) -> None:
    settings = StoreSettings.model_validate({"kind": kind})
    stores = open_stores(settings, tmp_path, HistorySettings())
    assert list(tmp_path.iterdir()) == []
    seen = stores.greylist.attempt("net", ["x"], T0, Terms())
    assert seen.standing is Standing.FIRST
    assert stores.traps.trapped_until(["x"], T0) == 0.0
    assert stores.correspondents.last_sent(["x"], T0) == [0.0]
    assert stores.rates.levels([], T0) == []
    assert stores.history is not None
    stores.history.record(RECORD)
    assert stores.history.flush()
    found = stores.history.find("WHY1")
    assert found is not None
    assert [health.name for health in stores.status()] == ["state", "history"]
    stores.close()


def test_history_may_be_left_out(tmp_path: Path) -> None:
    off = HistorySettings(enabled=False)
    assert open_stores(StoreSettings(), tmp_path).history is None
    assert open_stores(StoreSettings(), tmp_path, off).history is None
    assert open_history(StoreSettings(), tmp_path, off) is None


def test_hashed_history_hides_names(tmp_path: Path) -> None:
    settings = StoreSettings.model_validate({"secret": "s"})
    history = open_history(settings, tmp_path, HistorySettings(hashed=True))
    assert history is not None
    history.record(RECORD)
    history.close()
    found = history.find("WHY1")
    assert found is not None
    assert "a.example" not in found.sender
    assert b"a.example" not in (tmp_path / "history.sqlite").read_bytes()
    history.close()


def test_paths_of_their_own(tmp_path: Path) -> None:
    settings: Any = StoreSettings(path=str(tmp_path / "a.db"))
    stores = open_stores(
        settings, tmp_path / "nowhere", HistorySettings(path=str(tmp_path / "b.db"))
    )
    stores.greylist.attempt("net", ["x"], T0, Terms())
    assert stores.history is not None
    stores.history.record(RECORD)
    stores.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "b.db"]


def test_numbers_for_metrics(tmp_path: Path) -> None:
    stores = open_stores(StoreSettings(), tmp_path / "nowhere")
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            stores.greylist.attempt("net", ["x"], T0, Terms())
    assert list(stores.samples()) == [
        ("filterd_store_calls", ("ok",), 0),
        ("filterd_store_calls", ("failed",), 5),
        ("filterd_store_open", ("state",), 1.0),
    ]
    stores.close()

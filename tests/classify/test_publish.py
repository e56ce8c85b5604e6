"""Publishing: a worker sees the old model or the new one, and old ones do not pile up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterd.classify import publish
from filterd.classify.bayes import Counts
from filterd.classify.features import LOCAL_VIEWS
from filterd.classify.home import Home
from filterd.classify.linear import Tables
from filterd.classify.local import BITS, COUNTED, Fitted, LocalWeights
from filterd.classify.publish import find, history, manifest_of, published, put_in_force, store
from filterd.core.errors import ConfigError


def a_model(home: Home, number: int) -> str:
    weights = np.full((len(LOCAL_VIEWS), 1 << BITS), number, dtype=np.float32)
    tables = Tables(LOCAL_VIEWS, weights, (1.0,) * len(LOCAL_VIEWS), BITS)
    fitted = Fitted(LocalWeights(tables, Counts.empty(COUNTED, 1 << 20)), 10, 10)
    manifest = manifest_of(fitted, trained_on=[], measured={}, journal_position=0, notes={})
    return store(home, fitted, manifest, 1e9 + number).manifest.id


def test_only_the_newest_models_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "KEPT", 1)
    home = Home(tmp_path)
    made = []
    for number in range(1, 5):
        made.append(a_model(home, number))
        put_in_force(home, made[-1], "retrain", 1e9 + number)
    assert [identity for identity, _ in published(home)] == made[-2:]
    assert sorted(path.name for path in home.folder.glob("live-*")) == sorted(
        f"live-{identity}.weights" for identity in made[-2:]
    )


def test_a_model_is_found_by_the_start_of_its_id(tmp_path: Path) -> None:
    home = Home(tmp_path)
    identity = a_model(home, 1)
    put_in_force(home, identity, "retrain", 1e9)
    assert find(home, identity[:6]).name == identity
    assert find(home, "current").name == identity
    with pytest.raises(ConfigError, match="no model"):
        find(home, "zz")


def test_a_damaged_model_is_not_put_in_force(tmp_path: Path) -> None:
    home = Home(tmp_path)
    identity = a_model(home, 1)
    home.prepare()
    with (home.model_path(identity) / "weights.npy").open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"\xff")
    with pytest.raises(ConfigError, match="SHA-256"):
        put_in_force(home, identity, "retrain", 1e9)
    assert home.current() == "none"


def test_a_torn_history_line_is_passed_over(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    home.history.write_text('{"at": "x", "id": "a", "by": "retrain"}\n{"at": "y", "i')
    assert [entry.id for entry in history(home)] == ["a"]

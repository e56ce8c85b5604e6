"""The shipped model comes from the committed script and the corpora it names."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from filterd.classify import ship
from filterd.classify.model import load
from tests.classify.mailbox import fill
from tests.support.shared import shared_path


def _archives(folder: Path) -> Path:
    for name, *_ in ship.CORPORA:
        top = folder / name
        fill(top / "ham", 6, is_spam=False)
        fill(top / "spam" / "deep", 4, is_spam=True)
        with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as tar:
            tar.add(top, arcname=name)
    return folder


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    corpora = _archives(tmp_path / "corpora")
    first, second = tmp_path / "one", tmp_path / "two"
    ship.train(corpora, first)
    ship.train(corpora, second)
    assert (first / "weights.npy").read_bytes() == (second / "weights.npy").read_bytes()
    assert (first / "manifest.toml").read_bytes() == (second / "manifest.toml").read_bytes()
    facts = load(first).manifest
    assert (facts.messages_ham, facts.messages_spam) == (30, 20)


def test_what_only_measures_is_not_trained_on() -> None:
    assert not any("trec" in name for name, *_ in ship.CORPORA)


@pytest.mark.slow
def test_the_shipped_model_is_what_the_script_makes(tmp_path: Path) -> None:
    """Weights are compared loosely: other processors round the last bit of a sum differently."""
    ship.train(shared_path("corpora"), tmp_path / "model")
    made, shipped = load(tmp_path / "model"), load(ship.SHIPPED)
    difference = made.tables.weights.astype(int) - shipped.tables.weights.astype(int)
    assert abs(difference).max() <= 1
    assert made.manifest.trained_on == shipped.manifest.trained_on

"""How the classifier would do on an admin's own mail."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from filterd.classify.corpus import Labelled, messages
from filterd.classify.evaluate import Way, measure
from filterd.classify.settings import ClassifierSettings
from tests.classify.mailbox import fill

SETTINGS = ClassifierSettings()


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Labelled]:
    spam = fill(tmp_path / "spam", 30, is_spam=True)
    ham = fill(tmp_path / "ham", 45, is_spam=False)
    return chain(messages([spam], True), messages([ham], False))


@pytest.mark.parametrize(
    ("way", "tested"), [("model", 75), ("cross-validate", 75), ("chronological", 25)]
)
def test_each_way_says_how_many_it_tested(
    tmp_path: Path, stream: Iterator[Labelled], way: Way, tested: int
) -> None:
    found = measure(stream, SETTINGS, tmp_path / "state", way)
    assert found.messages == tested
    assert found.one_minus_auc_percent is not None
    if way != "model":
        assert found.one_minus_auc_percent < 1
    assert not (tmp_path / "state").exists()  # nothing is kept


def test_a_limit_is_kept(tmp_path: Path, stream: Iterator[Labelled]) -> None:
    assert measure(stream, SETTINGS, tmp_path, "model", limit=5).messages == 5

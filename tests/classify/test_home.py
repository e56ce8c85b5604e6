"""The classifier's folder, and the classifier that follows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from filterd.classify.home import NONE, Home, LiveClassifier
from filterd.classify.settings import ClassifierSettings
from tests.support.builders import a_message

NOBODY = 65534
MESSAGE = a_message("From: a@b.example\nSubject: x\n\nhello\n")


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    home = Home(tmp_path)
    LiveClassifier(ClassifierSettings(), home, None).classify(MESSAGE)
    assert home.current() is None
    assert not home.folder.exists()


def test_preparing_makes_empty_live_weights_and_is_repeatable(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.prepare() == home.prepare() == NONE
    assert home.live_path(NONE).exists()
    assert home.folder.stat().st_mode & 0o007 == 0  # mail of others is in here


def test_a_classifier_follows_the_pointer(tmp_path: Path) -> None:
    home = Home(tmp_path)
    classifier = LiveClassifier(ClassifierSettings(), home, None)
    assert classifier.refresh().live is None
    home.prepare()
    first = classifier.refresh().live
    assert first is not None
    assert classifier.refresh().live is first
    home.point(NONE)
    assert classifier.refresh().live is not first


def test_damaged_live_weights_are_named_and_left_out(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    home.live_path(NONE).write_bytes(b"junk")
    classifier = LiveClassifier(ClassifierSettings(), home, None)
    assert classifier.refresh().live is None
    assert "expected" in classifier.problems[0].message
    assert classifier.classify(MESSAGE) is None


def test_a_pointer_with_a_path_in_it_is_not_followed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    home.pointer.write_text("../../etc/passwd\n")
    assert home.current() == NONE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_made_is_the_services_before_a_worker_looks(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.folder.mkdir(mode=0o750)
    os.chown(home.folder, NOBODY, NOBODY)
    made = home.model_path("0" * 16) / "weights.npy"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"x")
    made.chmod(0o600)
    home.point("0" * 16)
    for path in (home.models, made.parent, made, home.pointer):
        assert path.stat().st_uid == NOBODY

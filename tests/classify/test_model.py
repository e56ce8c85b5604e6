"""A model is used only when everything about it is as its manifest says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from filterd.classify import open_classifier
from filterd.classify.model import load
from filterd.classify.settings import ClassifierSettings
from filterd.core.errors import ConfigError
from filterd.core.shipped import shipped
from tests.support.builders import a_message

SHIPPED = shipped("models") / "ham-spam"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def _truncate(folder: Path) -> None:
    path = folder / "weights.npy"
    path.write_bytes(path.read_bytes()[:-100])


def _flip(folder: Path) -> None:
    path = folder / "weights.npy"
    raw = bytearray(path.read_bytes())
    raw[1000] ^= 1
    path.write_bytes(raw)


def _write(raw: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "manifest.toml").write_bytes(raw)

    return write


def _edit(old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "manifest.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


def _replace_array(array: object) -> Callable[[Path], None]:
    """Put another array in place, with the right hash: the rest must still be looked at."""

    def replace(folder: Path) -> None:
        import hashlib

        old = hashlib.sha256((folder / "weights.npy").read_bytes()).hexdigest()
        np.save(folder / "weights.npy", np.asarray(array), allow_pickle=True)
        new = hashlib.sha256((folder / "weights.npy").read_bytes()).hexdigest()
        _edit(old, new)(folder)

    return replace


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (_truncate, "SHA-256"),
    "one bit": (_flip, "SHA-256"),
    "no weights": (lambda f: (f / "weights.npy").unlink(), "not a plain file"),
    "no manifest": (lambda f: (f / "manifest.toml").unlink(), "cannot be read"),
    "manifest is binary": (
        _write(b"\xff\xfe"),
        "not TOML",
    ),
    "manifest is huge": (_write(b"#" * 300_000), "larger"),
    "other features": (_edit("feature_version = ", "feature_version = 9"), "retrain"),
    "other views": (_edit('"order"', '"XX"'), "unknown: XX"),
    "a view without a vote": (_edit('"order"', '"site"'), "unknown: site"),
    "path in a file name": (_edit('"weights.npy"', '"../weights.npy"'), "pattern"),
    "bits": (_edit("bits = 18", "bits = 17"), "shape"),
    "unknown key": (_edit("format = 1", "format = 1\nexec = 1"), "Extra inputs"),
    "not a number": (_edit("slope = ", "slope = nan #"), "finite"),
    "wrong type": (_replace_array(np.zeros((4, 1 << 18), dtype=np.float64)), "expected int8"),
    "objects": (_replace_array(np.array([{}, print], dtype=object)), "cannot be used"),
    "wrong shape": (_replace_array(np.zeros((3, 5), dtype=np.int8)), "shape"),
    "infinite": (_replace_array(np.full((4, 1 << 18), np.inf, dtype=np.float32)), "finite"),
    "big-endian": (_replace_array(np.zeros((4, 1 << 18), dtype=">f4")), "little-endian"),
}


@pytest.mark.parametrize(("damage", "says"), BROKEN.values(), ids=BROKEN)
def test_a_damaged_model_is_refused(
    copy: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(copy)
    with pytest.raises(ConfigError) as caught:
        load(copy)
    assert says in str(caught.value)
    assert str(copy) in str(caught.value)


def test_the_filter_goes_on_without_a_damaged_model(copy: Path, tmp_path: Path) -> None:
    _flip(copy)
    classifier = open_classifier(ClassifierSettings(model=copy), tmp_path / "state")
    assert classifier is not None
    assert "SHA-256" in classifier.problems[0].message
    assert classifier.classify(a_message("From: a@b.example\n\nhello\n")) is None


def test_a_switched_off_classifier_is_not_loaded(tmp_path: Path) -> None:
    assert open_classifier(ClassifierSettings(enabled=False), tmp_path) is None


def test_the_shipped_model_is_small_and_mapped() -> None:
    size = sum(path.stat().st_size for path in SHIPPED.iterdir())
    assert size <= 4 << 20
    base: object = load(SHIPPED).tables.weights
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_the_shipped_model_never_saw_trec() -> None:
    assert not any("trec" in str(entry) for entry in load(SHIPPED).manifest.trained_on)

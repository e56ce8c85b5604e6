"""The file of live weights: one map for all, refused when it is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.classify.features import extract
from filterd.classify.live import SIZE, LiveModel
from filterd.core.errors import ConfigError
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail

FEATURES = extract(Message.from_bytes(a_mail(1, is_spam=True)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    LiveModel.create(tmp_path / "live.weights")
    return tmp_path / "live.weights"


def test_a_reader_sees_what_a_writer_learns_without_opening_again(path: Path) -> None:
    reader = LiveModel.open(path)
    writer = LiveModel.open(path, writable=True)
    with writer.locked():
        writer.learn(FEATURES, True)
        writer.position = 7
    assert reader.weights.score(FEATURES) == writer.weights.score(FEATURES) > 0
    assert (reader.spam, reader.ham, reader.position) == (1, 0, 7)


def test_a_reader_cannot_write(path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        LiveModel.open(path).learn(FEATURES, True)


def test_an_untouched_file_costs_next_to_no_disk(path: Path) -> None:
    assert path.stat().st_size == SIZE
    assert path.stat().st_blocks * 512 < 64 << 10


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "bytes"),
        (b"x" * 100, "bytes"),
        (bytes(SIZE), "no file of local weights"),
        (b"filtlive" + b"\x04\0\0\0" + b"\x63\0\0\0" + bytes(SIZE - 16), "version 99"),
    ],
    ids=["empty", "short", "zeros", "other features"],
)
def test_another_file_is_refused(path: Path, raw: bytes, says: str) -> None:
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match=says):
        LiveModel.open(path)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        LiveModel.open(tmp_path / "none")


def test_forgetting_counts_down_but_never_below_nothing(path: Path) -> None:
    live = LiveModel.open(path, writable=True)
    step = live.learn(FEATURES, True)
    live.forget(FEATURES, step)
    live.forget(FEATURES, step)
    assert live.spam == 0

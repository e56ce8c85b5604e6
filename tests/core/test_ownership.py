from __future__ import annotations

import os
from pathlib import Path

import pytest

from filterd.core.ownership import hand_over, left_by_root

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory of another user, in which root made something."""
    folder = tmp_path / "state"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "current").write_text("x")
    (folder / "state.sqlite").write_text("x")
    os.chown(folder, NOBODY, NOBODY)
    return folder


def owner(path: Path) -> int:
    return path.lstat().st_uid


@needs_root
def test_what_root_made_goes_to_the_owner_of_the_folder(state: Path) -> None:
    assert sorted(left_by_root(state)) == ["models", "models/current", "state.sqlite"]
    assert hand_over(state) == 3
    assert left_by_root(state) == []
    assert owner(state / "models" / "current") == NOBODY
    assert (state / "state.sqlite").stat().st_gid == NOBODY
    assert hand_over(state) == 0


@needs_root
def test_links_and_files_with_a_second_name_stay(state: Path, tmp_path: Path) -> None:
    secret = tmp_path / "shadow"
    secret.write_text("root's")
    other = tmp_path / "folder"
    other.mkdir()
    (other / "inside").write_text("root's")
    (state / "soft").symlink_to(secret)
    (state / "way").symlink_to(other)
    os.link(secret, state / "hard")
    os.mkfifo(state / "pipe")
    hand_over(state)
    assert owner(secret) == 0
    assert owner(other / "inside") == 0
    assert owner(state / "pipe") == 0


@needs_root
def test_a_folder_of_root_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    assert hand_over(tmp_path) == 0
    assert hand_over(tmp_path / "nowhere") == 0
    assert left_by_root(tmp_path / "nowhere") == []

from __future__ import annotations

from pathlib import Path

from filterd.core.folder import listed


def test_files_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("20-b.toml", "10-a.toml", ".10-a.toml", "10-a.toml~", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "30-folder.toml").mkdir()
    assert [path.name for path in listed(tmp_path, ".toml")] == ["10-a.toml", "20-b.toml"]
    assert listed(tmp_path / "nowhere", ".toml") == []


def test_what_cannot_be_read_is_listed_so_that_somebody_says_so(tmp_path: Path) -> None:
    lost = tmp_path / "10-lost.toml"
    lost.symlink_to(tmp_path / "gone")
    (tmp_path / ".#20-edited.toml").symlink_to("ann@host.4711")  # an editor's lock
    assert listed(tmp_path, ".toml") == [lost]
    assert listed(lost, ".toml") == []
    file = tmp_path / "file"
    file.touch()
    assert listed(file, ".toml") == [file]

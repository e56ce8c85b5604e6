from __future__ import annotations

from pathlib import Path

import pytest

from filterd.frontends.cli.mta.change import FileChange, Ledger, Plan, WireError, read, write


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "main.cf"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]
    write(path, None)
    assert read(path) is None


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WireError, match="cannot write"):
        write(tmp_path / "file" / "main.cf", b"x")
    with pytest.raises(WireError, match="cannot read"):
        read(tmp_path)


def test_the_ledger_remembers_changes_byte_for_byte_latest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "postfix-x")
    assert ledger.last() is None
    first = Plan((FileChange(Path("/a"), b"\xff\x00", b"new"),), {"smtpd_milters": None})
    second = Plan((FileChange(Path("/b"), None, b""),), {"x": "y"})
    ledger.push(first)
    ledger.push(second)
    again = Ledger(tmp_path, "postfix-x")
    assert again.last() == second
    again.pop()
    assert again.last() == first
    again.pop()
    assert not (tmp_path / "wire" / "postfix-x.json").exists()


def test_a_broken_ledger_is_an_error_not_a_loss(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "x.json").write_text("{")
    with pytest.raises(WireError, match="says what to undo"):
        Ledger(tmp_path, "x").last()


def test_a_plan_that_changes_nothing_is_empty() -> None:
    assert Plan().is_empty
    assert Plan((FileChange(Path("/a"), b"x", b"x"),)).is_empty
    changed = FileChange(Path("/a"), b"x\ny\n", b"x\nz\n")
    assert not Plan((changed,)).is_empty
    assert [line for line in changed.diff() if line[0] in "+-" and line[1] not in "+-"] == [
        "-y",
        "+z",
    ]

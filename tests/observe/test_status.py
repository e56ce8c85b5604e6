from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from filterd.observe.status import STALE, is_alive, read_status


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text('{"pid": 1}')
    assert read_status(path) == {"pid": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_anything_else_is_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(content)
    assert read_status(path) is None
    assert read_status(tmp_path / "none") is None


def test_alive_is_a_process_that_writes() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert is_alive({"pid": os.getpid(), "written": 100.0}, 101.0)
    assert not is_alive({"pid": os.getpid(), "written": 100.0}, 101.0 + STALE)
    assert not is_alive({"pid": gone.pid, "written": 100.0}, 101.0)
    assert not is_alive({"pid": "x", "written": 100.0}, 101.0)
    assert not is_alive({"pid": 1 << 70, "written": 100.0}, 101.0)
    assert not is_alive({}, 101.0)

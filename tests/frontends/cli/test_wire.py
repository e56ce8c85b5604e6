"""The dialogue of `filterd wire`; what it does to real MTAs is in tests/stories/test_wire.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filterd.config.load import load
from filterd.frontends.cli.main import run


class Wiring:
    def __init__(self, state: Path) -> None:
        self.state = state

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, {"state_dir": str(self.state)})


def wire(state: Path, *arguments: str) -> int:
    app: Any = Wiring(state)
    return run(lambda: app, ["wire", *arguments])


def test_a_folder_that_is_no_postfix_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wire(tmp_path, "postfix", "--config-dir", str(tmp_path), "--yes") == 2
    assert capsys.readouterr().err.startswith("filterd: ")


def test_no_sendmail_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wire(tmp_path, "sendmail", "--mc", str(tmp_path / "none.mc"), "--yes") == 2
    assert "Sendmail is not installed here" in capsys.readouterr().err


def test_nothing_to_undo_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wire(tmp_path, "sendmail", "--mc", str(tmp_path / "none.mc"), "--undo") == 0
    assert capsys.readouterr().out == "there is nothing to undo\n"

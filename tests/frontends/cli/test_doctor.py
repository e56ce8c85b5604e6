from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filterd.config.load import load
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.stores import StoreHealth
from filterd.frontends.cli.main import run


class Patient:
    """A machine whose filter does not run and whose store answers."""

    def __init__(self, state: Path, *problems: ConfigProblem) -> None:
        self.state = state
        self.problems = problems

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(
            path,
            {
                "state_dir": str(self.state),
                "milter.sockets": f"unix:{self.state}/none",
                **overrides,
            },
        )

    @contextlib.contextmanager
    def build_scanner(self, settings: Any, **options: Any) -> Iterator[Any]:
        if self.problems:
            raise ConfigError(self.problems)
        yield None

    def open_stores(self, settings: Any) -> Any:
        health = (StoreHealth("state", "sqlite", "/x", True),)
        state = SimpleNamespace(probe=lambda: None)
        return SimpleNamespace(status=lambda: health, state=state, close=lambda: None)

    def load_rules(self, settings: Any) -> Any:
        return SimpleNamespace(summary="412 rules")

    def open_classifier(self, settings: Any) -> Any:
        return None


def examine(patient: Any, folder: Path, *options: str) -> int:
    return run(lambda: patient, ["doctor", "--no-dns", "--postfix", str(folder), *options])


def test_each_finding_is_a_line_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert examine(Patient(tmp_path), tmp_path) == 1
    lines = [" ".join(x.split()) for x in capsys.readouterr().out.splitlines()]
    assert "ok configuration: settings, rules and model can be used" in lines
    at = lines.index("failure service: filterd does not run")
    assert lines[at + 1].startswith("start it: ")
    assert any(x.startswith("ok store: sqlite at /x answers in") for x in lines)
    assert lines[-1].endswith("to think about")


def test_quiet_leaves_out_what_is_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examine(Patient(tmp_path), tmp_path, "--quiet")
    assert not any(x.startswith("ok ") for x in capsys.readouterr().out.splitlines())


def test_json_has_every_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = Patient(tmp_path, ConfigProblem("r.toml:3", "rule.X", "no example"))
    assert examine(broken, tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert {"name": "configuration", "level": "failure", "text": "r.toml:3: rule.X: no example",
            "advice": "filterd config check"} in found["findings"]  # fmt: skip

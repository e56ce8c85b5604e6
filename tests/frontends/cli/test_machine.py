from __future__ import annotations

import os
from pathlib import Path

import pytest

from filterd.frontends.cli import machine
from filterd.frontends.cli.probe import Finding, Level


def levels(findings: list[Finding]) -> list[str]:
    return [f.level.value for f in findings]


@pytest.mark.parametrize(
    ("error", "level"), [(None, "warning"), (90.0, "warning"), (0.01, "ok")]
)
def test_the_clock(error: float | None, level: str) -> None:
    assert levels(list(machine.clock(error))) == [level]


def test_the_kernel_says_how_well_the_clock_is_kept() -> None:
    found = machine.clock_error()
    assert found is None or found >= 0


def test_permissions(tmp_path: Path) -> None:
    config = tmp_path / "f.toml"
    config.write_text("")
    config.chmod(0o644)
    state = tmp_path / "state"
    state.mkdir(mode=0o750)
    assert levels(list(machine.files([config], False, state))) == ["ok"]
    assert levels(list(machine.files([config], True, state))) == ["warning"]
    config.chmod(0o666)
    state.chmod(0o777)
    assert levels(list(machine.files([config], False, state))) == ["failure", "failure"]
    assert levels(list(machine.files([tmp_path / "none"], False, state)))[0] == "failure"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_left_in_the_state_of_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text("")
    os.chown(tmp_path, 65534, 65534)
    [found] = machine.files([], False, tmp_path)
    assert found.level is Level.FAILURE
    assert "root owns state.sqlite" in found.text
    assert found.advice.startswith("chown -R --no-dereference ")


def test_the_disk(tmp_path: Path) -> None:
    assert machine.disk(tmp_path / "not" / "yet")
    assert {f.name for f in machine.disk(tmp_path)} == {"disk"}

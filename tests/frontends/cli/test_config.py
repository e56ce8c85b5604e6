from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filterd.config.load import load
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.frontends.cli.main import run


class StubApp:
    def __init__(self, *problems: ConfigProblem) -> None:
        self.problems = problems

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, overrides, {"FILTERD_LOG__FORMAT": "json"})

    @contextlib.contextmanager
    def build_scanner(self, settings: Any, **options: Any) -> Iterator[Any]:
        if self.problems:
            raise ConfigError(self.problems)
        plan = SimpleNamespace(checks=[SimpleNamespace(name="spf")])
        yield SimpleNamespace(profiles={"default": SimpleNamespace(plan=plan)})


@pytest.fixture
def main_file(tmp_path: Path) -> Path:
    path = tmp_path / "filterd.toml"
    path.write_text('[thresholds]\ntag = 5.5\n[http]\ntoken = "hunter2"\n[profiles."a b"]\n')
    return path


def filterd(*arguments: str, app: StubApp | None = None) -> int:
    return run(lambda: app or StubApp(), arguments)  # type: ignore[arg-type, return-value]


def test_check_says_what_was_read(main_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd("--config", str(main_file), "config", "check") == 0
    assert capsys.readouterr().out == f"in order: {main_file}; 1 checks on\n"


def test_check_names_dead_lists_and_starts_all_the_same(
    main_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_file.write_text('[checks.dnsbl.lists.old]\nzone = "relays.ordb.org"\n')
    assert filterd("--config", str(main_file), "config", "check") == 0
    assert capsys.readouterr().out.startswith(
        "warning: checks.dnsbl.lists.old: relays.ordb.org is not asked: ORDB ended in 2006"
    )
    assert filterd("--config", str(main_file), "config", "check", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["warnings"]) == 1


def test_check_reports_settings_and_what_is_built_of_them(
    main_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_file.write_text("[treshold]\n")
    assert filterd("--config", str(main_file), "config", "check") == 2
    assert "thresholds" in capsys.readouterr().err
    broken = StubApp(ConfigProblem("rules/10.toml", "rule.X", "no example"))
    assert filterd("config", "check", "--json", app=broken) == 2
    assert json.loads(capsys.readouterr().out)["problems"] == [
        {"file": "rules/10.toml", "key": "rule.X", "message": "no example"}
    ]


def test_show_prints_toml_that_reads_back_as_the_same_settings(
    main_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filterd("-c", str(main_file), "config", "show", "--origin") == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    tomllib.loads(out)
    again = tmp_path / "again.toml"
    again.write_text("\n".join(line for line in out.splitlines() if "********" not in line))
    one, two = load(main_file, {"log.format": '"json"'}).settings, load(again).settings
    assert one.model_copy(update={"http": two.http}) == two


def test_show_says_what_set_each_key(
    main_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        filterd(
            "-c", str(main_file), "-s", "mode=observe", "config", "show", "--origin", "--json"
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["thresholds.tag"] == {"value": 5.5, "origin": f"{main_file}:2"}
    assert found["log.format"] == {"value": "json", "origin": "$FILTERD_LOG__FORMAT"}
    assert found["mode"] == {"value": "observe", "origin": "--set"}
    assert found["thresholds.reject"] == {"value": 15.0, "origin": "default"}


def test_show_can_be_narrowed(main_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd("-c", str(main_file), "config", "show", "thresholds") == 0
    assert capsys.readouterr().out == (
        "thresholds.tag = 5.5\nthresholds.quarantine = 0\nthresholds.reject = 15\n"
    )
    assert filterd("-c", str(main_file), "config", "show", "--changed") == 0
    assert capsys.readouterr().out == (
        'thresholds.tag = 5.5\nlog.format = "json"\nhttp.token = "********"\n'
    )
    assert filterd("config", "show", "treshold") == 1
    assert 'did you mean "thresholds"?' in capsys.readouterr().err


def test_explain_says_all_about_one_key(
    main_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filterd("-c", str(main_file), "config", "explain", "thresholds.tag") == 0
    assert capsys.readouterr().out == (
        "thresholds.tag: Score from which mail is marked as spam.\n"
        "  takes    number; at least 0\n"
        "  default  6\n"
        f"  value    5.5  ({main_file}:2)\n"
    )
    assert filterd("config", "explain", "profiles.vip.disable") == 0
    assert filterd("config", "explain", "scan.deadlin") == 1
    assert 'did you mean "scan.deadline"?' in capsys.readouterr().err

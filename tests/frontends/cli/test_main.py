from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from filterd.core.errors import ConfigError, ConfigProblem, StoreUnavailable
from filterd.frontends.cli.main import COMMANDS, cli, run


def no_app() -> NoReturn:
    raise AssertionError("this command line needs no app")


def failing(error: Exception) -> Any:
    def make() -> NoReturn:
        raise error

    return make


def test_help_names_every_command_and_loads_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(no_app, ["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(no_app, [name, "--help"]) == 0
    assert f"filterd {name}" in capsys.readouterr().out


def test_a_mistyped_command_says_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(no_app, ["statsu"]) == 2
    assert 'Did you mean "status"?' in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["scan"], ["--set", "x", "config", "show"], ["--nope"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert run(no_app, arguments) == 2


def test_problems_of_the_configuration_are_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError(
        [ConfigProblem("f.toml:3", "log.to", "wrong"), ConfigProblem("", "x", "y")]
    )
    assert run(failing(error), ["config", "show"]) == 2
    assert (
        capsys.readouterr().err == "f.toml:3: log.to: wrong\nx: y\nfilterd: 2 problems found\n"
    )
    assert run(failing(error), ["config", "check", "--json"]) == 2
    assert '"key": "log.to"' in capsys.readouterr().out


def test_an_outage_is_status_75(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(StoreUnavailable("redis: refused")), ["config", "show"]) == 75
    assert capsys.readouterr().err == "filterd: redis: refused\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(13, "Permission denied", "/srv/run"),
            "filterd: /srv/run: Permission denied (ask as root, or as the user of the service)\n",
        ),
        (OSError(28, "No space left on device"), "filterd: No space left on device\n"),
    ],
    ids=["another's folder", "full disk"],
)
def test_what_the_system_refuses_is_said_in_a_line(
    error: OSError, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing(error), ["config", "show"]) == 2
    assert capsys.readouterr().err == said


def test_a_reader_that_leaves_gets_no_traceback() -> None:
    command = f"{sys.executable} -m filterd scan --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        timeout=60,
        check=False,
    )
    assert done.stderr == b""
    assert done.returncode in {0, 1}  # whether anything was left to write is a race


def test_the_program_starts_without_what_scanning_needs() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from filterd.__main__ import main\n"
        "assert main() == 0\n"
        "heavy = {'numpy', 'sklearn', 'rich', 'uvicorn', 'starlette', 'spf', 'dkim', 'dns', 'pydantic'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_every_command_is_a_command() -> None:
    import click

    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_makes_in_the_state_of_the_service_belongs_to_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from filterd.app import App

    os.chown(tmp_path, 65534, 65534)
    assert run(App, ["--set", f"state_dir={tmp_path}", "store", "status"]) == 0
    assert "sqlite" in capsys.readouterr().out
    made = list(tmp_path.iterdir())
    assert made
    assert {path.stat().st_uid for path in made} == {65534}

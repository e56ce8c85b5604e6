from __future__ import annotations

import json
from typing import Any

import pytest

from filterd.config.load import load
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.frontends.cli.context import (
    Context,
    console,
    fail,
    print_json,
    report_config_error,
)


class CountingApp:
    def __init__(self) -> None:
        self.reads = 0

    def load_settings(self, path: Any, overrides: Any) -> Any:
        self.reads += 1
        return load(path, overrides)


def test_settings_are_read_once_and_anew_when_asked() -> None:
    app: Any = CountingApp()
    context = Context(lambda: app, None, {"thresholds.tag": "5"})
    assert context.settings.thresholds.tag == 5
    assert context.loaded is context.loaded
    assert app.reads == 1
    context.load()
    assert app.reads == 2


def test_json_is_whole_even_for_text_that_is_no_utf_8(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"detail": "a\udce4b", "name": "jürgen"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"detail": "a?b", "name": "jürgen"}


def test_a_word_and_a_status_on_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        fail("no such thing", 1)
    assert stop.value.code == 1
    assert capsys.readouterr().err == "filterd: no such thing\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_every_problem_is_reported(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError(
        [ConfigProblem("a.toml:1", "x", "bad"), ConfigProblem("b.toml", "", "gone")]
    )
    with pytest.raises(SystemExit) as stop:
        report_config_error(error, as_json=as_json)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    if as_json:
        assert [p["file"] for p in json.loads(out)["problems"]] == ["a.toml:1", "b.toml"]
    else:
        assert err.splitlines() == [
            "a.toml:1: x: bad",
            "b.toml: gone",
            "filterd: 2 problems found",
        ]


def test_no_colours_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("[red]red[/]")
    assert capsys.readouterr().out == "red\n"

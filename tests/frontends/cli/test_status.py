from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from filterd.checks.catalogue import ALL
from filterd.config.load import load
from filterd.core.stores import ZonePause
from filterd.frontends.cli.main import run
from filterd.frontends.cli.status import ago
from filterd.store import Stores
from filterd.store.memory import MemoryState

OFF = ALL[0].name


class StubApp:
    def __init__(self, state: Path) -> None:
        self.state = state
        self.store = MemoryState()

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, {"state_dir": str(self.state), f"checks.{OFF}.enabled": "false"})

    def checks(self) -> Any:
        return ALL

    def open_stores(self, settings: Any) -> Stores:
        return Stores(self.store)


def write_status(state: Path, **changes: Any) -> None:
    now = time.time()  # noqa: TID251 - the command reads the real clock
    status = {
        "pid": os.getpid(), "started": now - 600, "written": now, "generation": 2, "restarts": 1,
        "reload_problem": "", "checks": {OFF: False}, "rules": "412 rules", "store": "sqlite", "files": [],
        "workers": [{"pid": 77, "job": "milter", "generation": 2, "since": now - 90, "retiring": True}],
        **changes,
    }  # fmt: skip
    (state / "run").mkdir()
    (state / "run" / "status.json").write_text(json.dumps(status))


def status(state: Path, *options: str, pauses: Sequence[ZonePause] = ()) -> int:
    app = StubApp(state)
    for pause in pauses:
        app.store.pause(pause, 0.0)
    made: Any = app
    return run(lambda: made, ["status", *options])


def test_a_running_service_is_shown_with_its_workers_and_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_status(tmp_path, reload_problem="rules/10.toml:3: [no]")
    assert status(tmp_path) == 0
    lines = [" ".join(x.split()) for x in capsys.readouterr().out.splitlines()]
    assert lines[0].startswith(
        f"running since 10 min, pid {os.getpid()}, mode enforce, generation 2"
    )
    assert "last reload failed, the old set runs on: rules/10.toml:3: [no]" in lines
    assert "worker 77 (milter) since 90 s, generation 2, retiring" in lines
    assert "rules: 412 rules" in lines
    assert "files: none" in lines
    assert any(
        x.startswith(f"{OFF} off ") and f"checks.{OFF}.enabled = false" in x for x in lines
    )
    assert sum(" on " in x for x in lines) >= len(ALL) - 1


def test_a_list_that_is_not_believed_is_shown_with_the_reason_and_the_tarpit_with_its_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_status(tmp_path)
    (tmp_path / "run" / "metrics").mkdir()
    numbers = [[["filterd_zone_open", "bl.example"], 1], [["filterd_answers_held"], 40]]
    numbers += [[["filterd_held"], 3], [["filterd_hung_up"], 7]]
    (tmp_path / "run" / "metrics" / "worker-1-1.json").write_text(json.dumps([numbers, []]))
    until = time.time() + 630  # noqa: TID251 - the command reads the real clock
    assert status(tmp_path, pauses=[ZonePause("dead.example", until, "is empty")]) == 0
    lines = [" ".join(x.split()) for x in capsys.readouterr().out.splitlines()]
    assert "DNS list not believed: bl.example: paused by a worker" in lines
    assert "DNS list not believed: dead.example: is empty; 10 min more" in lines
    told = "tarpit: 3 sessions held now; 40 answers held so far, 7 clients hung up while they waited"
    assert told in lines


def test_what_runs_may_be_older_than_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_status(tmp_path, checks={OFF: True}, mode="observe", sockets=["inet:10.0.0.1:1"])
    assert status(tmp_path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["mode"], found["sockets"]) == ("observe", ["inet:10.0.0.1:1"])
    assert {c["name"]: c["enabled"] for c in found["checks"]}[OFF] is True


def test_nothing_running_is_status_1_and_still_tells_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["running"] is False
    assert found["sockets"] == ["inet:127.0.0.1:8895"]
    assert [c["name"] for c in found["checks"]] == [c.name for c in ALL]
    assert found["checks"][0]["enabled"] is False


def test_what_a_dead_master_left_behind_is_not_running(tmp_path: Path) -> None:
    write_status(tmp_path, written=1.0)
    assert status(tmp_path) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
        (-5, "0 s"),
    ],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago(seconds) == text

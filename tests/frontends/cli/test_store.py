from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filterd.config.load import load
from filterd.core.stores import Standing, Terms
from filterd.frontends.cli.main import run
from filterd.store import open_stores

T0 = 1_790_000_000.0


class App:
    """The real stores of the given settings."""

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, overrides)

    def open_stores(self, settings: Any) -> Any:
        return open_stores(settings.store, settings.state_dir)


def filterd(folder: Path, *arguments: str, **settings: str) -> int:
    chosen = {"state_dir": str(folder), **settings}
    options = [f"--set={key}={value}" for key, value in chosen.items()]
    return run(lambda: App(), [*options, *arguments])  # type: ignore[arg-type,return-value]


def test_state_moves_from_store_to_store(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    settings: Any = load(None, {"state_dir": str(tmp_path / "a")}).settings
    stores = open_stores(settings.store, settings.state_dir)
    stores.greylist.attempt("192.0.2.0/24", ["ann@a.example bob@b.example"], T0, Terms())
    stores.traps.spring(["192.0.2.1/32"], T0, 1e6)
    stores.close()
    file = tmp_path / "state.jsonl"
    assert filterd(tmp_path / "a", "store", "export", str(file)) == 0
    kinds = [json.loads(line).get("kind") for line in file.read_text().splitlines()]
    assert kinds == [None, "triplet", "ledger", "trap"]
    assert filterd(tmp_path / "b", "store", "import", str(file)) == 0
    settings = load(None, {"state_dir": str(tmp_path / "b")}).settings
    stores = open_stores(settings.store, settings.state_dir)
    seen = stores.greylist.attempt(
        "192.0.2.0/24", ["ann@a.example bob@b.example"], T0 + 100, Terms()
    )
    assert seen.standing is Standing.PASSED
    assert stores.traps.trapped_until(["192.0.2.1/32"], T0) == T0 + 1e6
    stores.close()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no json", "line 2: not a row"),
        ('{"kind":"trap","key":"x","values":[]}', "wrong number of values"),
        ('{"kind":"ghost","key":"x","values":[1]}', "line 2: not a row"),
        ("[1]", "line 2: not a row"),
        ('{"kind":"trap","key":"x","values":[NaN]}', "wrong number of values"),
        ('{"kind":"ledger","key":"x deferred","values":[1]}', "line 2: not a row"),
        ("\udc93", "line 2: not a row"),
    ],
)
def test_a_line_that_is_no_row_is_named(
    tmp_path: Path, line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state.jsonl"
    file.write_text('{"filterd_state": 1}\n' + line + "\n", "utf-8", "surrogateescape")
    assert filterd(tmp_path, "store", "import", str(file)) == 2
    assert message in capsys.readouterr().err


def test_an_export_of_another_form_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.jsonl"
    file.write_text('{"filterd_state": 9}\n')
    assert filterd(tmp_path, "store", "import", str(file)) == 2


def test_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd(tmp_path, "store", "status") == 0
    assert "state.sqlite: answers in" in capsys.readouterr().out
    assert filterd(tmp_path / "nowhere", "store", "status", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["is_available"] is False
    assert "unable to open" in found["last_error"]


def test_memory_has_nothing_to_move(tmp_path: Path) -> None:
    assert filterd(tmp_path, "store", "export", **{"store.kind": "memory"}) == 1

"""Labels from the command line, and how they are taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from filterd.config.load import Loaded, load
from filterd.frontends.cli.learn import moment
from filterd.frontends.cli.main import run
from tests.classify.mailbox import a_mail, fill


class SettingsOnly:
    """An app that can load settings; the commands here need nothing else."""

    def load_settings(self, path: Path | None, overrides: Mapping[str, str]) -> Loaded:
        return load(path, overrides, {})


@pytest.fixture
def filterd(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str | Path) -> tuple[int, str]:
        state = f"state_dir={tmp_path / 'state'}"
        status = run(SettingsOnly, ["-s", state, *map(str, arguments)])  # type: ignore[arg-type]
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return call


Call = Callable[..., tuple[int, str]]


def answer(result: tuple[int, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result[1])
    return found


def probability(filterd: Call, path: Path) -> float:
    found = answer(filterd("classify", path, "--json"))["probability"]
    assert isinstance(found, float)
    return found


def test_learning_again_changes_nothing_and_relabelling_wins(
    filterd: Call, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "mail", 3, is_spam=True)
    assert answer(filterd("learn", "spam", folder, "--json"))["learned"] == 3
    assert answer(filterd("learn", "spam", folder, "--json"))["known"] == 3
    assert probability(filterd, folder / "00000.eml") > 0.8
    assert answer(filterd("learn", "ham", folder / "00000.eml", "--json"))["changed"] == 1
    assert probability(filterd, folder / "00000.eml") < 0.2


def test_forgetting_both_ways(filterd: Call, tmp_path: Path) -> None:
    folder = fill(tmp_path / "mail", 2, is_spam=True)
    before = probability(filterd, folder / "00000.eml")
    filterd("learn", "spam", folder)
    assert answer(filterd("forget", folder / "00000.eml", "--json"))["forgotten"] == 1
    assert answer(filterd("learn", "forget", folder / "00001.eml", "--json"))["forgotten"] == 1
    assert probability(filterd, folder / "00000.eml") == pytest.approx(before, abs=1e-4)
    assert answer(filterd("forget", folder / "00000.eml", "--json"))["unknown"] == 1


def test_unlearning_a_user(filterd: Call, tmp_path: Path) -> None:
    ours = fill(tmp_path / "ours", 2, is_spam=False)
    theirs = fill(tmp_path / "theirs", 3, is_spam=True)
    filterd("learn", "ham", ours, "--user", "ann")
    filterd("learn", "ham", theirs, "--user", "mallory")
    found = answer(filterd("unlearn", "--user", "mallory", "--since", "1h", "--json"))
    assert found["messages"] == 3
    assert answer(filterd("learn", "ham", ours, "--json"))["known"] == 2


def test_an_mbox_and_a_single_file(filterd: Call, tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.write_bytes(
        b"".join(
            b"From a Sat Nov 21 10:00:00 2026\n"
            + a_mail(n, is_spam=True).replace(b"\r\n", b"\n")
            + b"\n"
            for n in range(3)
        )
    )
    assert answer(filterd("learn", "spam", box, "--json"))["learned"] == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("learn", "spam", "/no/such/place"), "no such file"),
        (("learn", "eggs", "."), "eggs"),
        (("learn", "spam"), "PATH"),
        (("unlearn", "--user", "ann", "--since", "soon"), "expected a date"),
    ],
)
def test_wrong_usage_is_status_2(filterd: Call, arguments: tuple[str, ...], says: str) -> None:
    status, output = filterd(*arguments)
    assert status == 2
    assert says in output


def test_a_folder_that_cannot_be_written_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("a file")
    mail = fill(tmp_path / "mail", 1, is_spam=True)
    state = f"state_dir={tmp_path / 'state'}"
    assert run(SettingsOnly, ["-s", state, "learn", "spam", str(mail)]) == 2  # type: ignore[arg-type]
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", 1_000_000 - 7200),
        ("1970-01-02", 86_400),
        ("1970-01-02T01:00", 90_000),
        ("1970-01-02T01:00+01:00", 86_400),
    ],
)
def test_moments(text: str, expected: float) -> None:
    assert moment(text, 1_000_000) == expected

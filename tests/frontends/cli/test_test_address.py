from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filterd.config.load import load
from filterd.frontends.cli.main import run


class App:
    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, overrides)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "allow").write_text(
        "# partners\n192.0.2.0/24\nexample.org\nunsafe.example unsafe\n"
    )
    (tmp_path / "deny").write_text("bad.example.org\nnonsense\n")
    (tmp_path / "traps").write_text("trap@b.example\n")
    file = tmp_path / "filterd.toml"
    file.write_text(
        'trusted_networks = ["198.51.100.0/24"]\n'
        "[checks.allow]\n"
        f'allow_files = ["{tmp_path}/allow", "{tmp_path}/missing"]\n'
        f'deny_files = ["{tmp_path}/deny"]\n'
        "[checks.trap]\n"
        f'files = ["{tmp_path}/traps"]\n'
    )
    return file


def ask(config: Path, *addresses: str) -> int:
    arguments = ["-c", str(config), "test-address", "--json", *addresses]
    return run(lambda: App(), arguments)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("address", "places", "meaning"),
    [
        ("192.0.2.9", ["allow:2"], "its mail is accepted whatever it scores"),
        ("ann@example.org", ["allow:3"], "only when SPF, DKIM or DMARC proves the name"),
        ("x@unsafe.example", ["allow:4"], "without any proof (unsafe)"),
        ("x@bad.example.org", ["allow:3", "deny:1"], "refused"),
        ("bad.example.org", ["allow:3", "deny:1"], "refused"),
        ("trap@b.example", ["traps:1"], "a spamtrap: who writes to it is listed for 24 h"),
        ("postmaster@b.example", ["checks.greylist.exempt_recipients"], "without greylisting"),
        ("198.51.100.7", ["trusted_networks"], "a relay before us"),
        ("127.0.0.1", ["local_networks"], "profile `local`"),
    ],
)
def test_which_line_matches_and_what_it_means(
    config: Path,
    address: str,
    places: list[str],
    meaning: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask(config, address) == 0
    found = json.loads(capsys.readouterr().out)[address]
    assert [Path(match["place"]).name for match in found] == places
    assert meaning in found[-1]["meaning"]


def test_what_nothing_speaks_of_is_status_1(config: Path) -> None:
    assert ask(config, "192.0.2.1", "x@nobody.example") == 1


def test_mistakes_in_the_files_are_said(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(config, "192.0.2.1")
    said = capsys.readouterr().err
    assert "missing does not exist" in said
    assert 'deny: 2: "nonsense" is no network, domain or address (the line is ignored)' in said


def test_for_people(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(lambda: App(), ["-c", str(config), "test-address", "ann@example.org", "x@y.example"])  # type: ignore[arg-type,return-value]
    out = " ".join(capsys.readouterr().out.split())
    assert f"allow: example.org ({config.parent}/allow:3)" in out
    assert "x@y.example no list speaks of it" in out

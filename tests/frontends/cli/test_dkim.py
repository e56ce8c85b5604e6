from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from filterd.auth.keyfile import Signer, published, read_key
from filterd.config.load import load
from filterd.dns.zone import Zone
from filterd.frontends.cli.main import run

ANOTHER = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


class StubApp:
    def __init__(self, state: Path, text: str = "") -> None:
        self.file = state / "filterd.toml"
        self.file.write_text(f'state_dir = "{state}"\n{text}')

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        del path
        return load(self.file, overrides)

    @contextmanager
    def open_resolver(self, settings: Any, *, zone: str | None = None) -> Iterator[Zone]:
        del settings
        yield Zone(zone or "")


def dkim(state: Path, *arguments: str, text: str = "") -> int:
    app: Any = StubApp(state, text)
    return run(lambda: app, ["dkim", *arguments])


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_key_that_keygen_makes_is_found_published_by_check(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    arguments = ["example.org", "-s", "S1", "--type", kind, "--out", str(key)]
    assert dkim(tmp_path, "keygen", *arguments) == 0
    shown = capsys.readouterr().out
    record, settings = shown.split("; then let it sign:\n")
    assert key.stat().st_mode & 0o077 == 0
    zone = tmp_path / "zone"
    zone.write_text("\n".join(line for line in record.splitlines() if not line.startswith(";")))
    assert dkim(tmp_path, "check", "--zone", str(zone), text=settings) == 0
    assert f"published s1._domainkey.example.org ({kind})" in capsys.readouterr().out


def test_existing_key_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    key.write_text("precious")
    assert dkim(tmp_path, "keygen", "example.org", "--out", str(key)) == 2
    assert key.read_text() == "precious"
    assert "File exists" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["exa mple"], ["example.org", "-s", "a@b"]])
def test_names_that_are_none_are_refused(arguments: list[str], tmp_path: Path) -> None:
    assert dkim(tmp_path, "keygen", *arguments) == 2


def test_keygen_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dkim(tmp_path, "keygen", "example.org", "--type", "ed25519", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    signer = Signer("example.org", "x", read_key(Path(found["key"])))
    assert found["txt"] == published(signer)
    assert found["name"].endswith("e._domainkey.example.org")


@pytest.mark.parametrize(
    ("zone", "state", "status"),
    [
        ("", "missing", 1),
        ('s._domainkey.example.org. TXT "v=DKIM1; p="', "unusable", 1),
        (
            f's._domainkey.example.org. TXT "v=DKIM1; k=ed25519; p={ANOTHER}"',
            "different",
            1,
        ),
        ("s._domainkey.example.org. TIMEOUT", "unknown", 75),
    ],
)
def test_key_that_is_not_published_is_named(
    zone: str, state: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    arguments = ["example.org", "-s", "s", "--type", "ed25519", "--out", str(key)]
    assert dkim(tmp_path, "keygen", *arguments) == 0
    settings = capsys.readouterr().out.split("; then let it sign:\n")[1]
    (tmp_path / "zone").write_text(zone)
    given = ["check", "--zone", str(tmp_path / "zone"), "--json"]
    assert dkim(tmp_path, *given, text=settings) == status
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["state"]) == ("s._domainkey.example.org", state)


def test_check_without_keys_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dkim(tmp_path, "check") == 0
    assert "no keys" in capsys.readouterr().out

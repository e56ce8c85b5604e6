"""Golden cases: a message, its envelope, its DNS, and what must come of it, byte for byte.

NN-name.msg    the message as received
NN-name.env    TOML: client, helo, from, to, ... and [settings] that differ from the shipped ones
NN-name.zone   zone text; nothing else is asked
NN-name.verdict   JSON: what `filterd scan --json` says, without times and why-id
NN-name.readme    why the case exists

Each case goes through three front ends: the scanner itself, the command line, the milter. A mismatch
writes NN-name.got; `pytest tests/golden --accept` makes what was got the expectation. Cases in private/
are run too and never committed.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from filterd.app import App
from filterd.assembly import Assembly
from filterd.config.load import load
from filterd.core.clock import SystemClock
from filterd.dns.zone import Zone
from filterd.frontends.cli.main import run
from filterd.scan.report import plain_verdict
from filterd.scan.submit import submission
from tests.support.miltermta import ChangeField, Connection, InsertField, Kind, Played, play
from tests.support.miltermta import Quarantine as Held
from tests.support.miltermta import Submission as Sent
from tests.support.service import running_scanner

HERE = Path(__file__).parent
CASES = sorted([*HERE.glob("cases/*.msg"), *HERE.glob("private/*.msg")])
WHY = "GOLDENWHYS"  # as long as a real one, so that lines fold alike


class Case:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = path.read_bytes()
        self.env = tomllib.loads(path.with_suffix(".env").read_text())
        self.zone = path.with_suffix(".zone").read_text()
        self.settings: dict[str, str] = self.env.pop("settings", {})

    @property
    def to(self) -> list[str]:
        found = self.env.get("to", ["user@example.net"])
        return [found] if isinstance(found, str) else list(found)

    def direct(self, tmp_path: Path) -> dict[str, Any]:
        with self.scanner(tmp_path) as scanner:
            given = submission(
                self.raw,
                client=self.env.get("client", ""),
                client_name=self.env.get("client_name", ""),
                helo=self.env.get("helo", ""),
                mail_from=self.env.get("from", ""),
                recipients=self.to,
                auth_user=self.env.get("auth", ""),
                mta_name="mx.example.net",
            )
            return plain(plain_verdict(scanner.scan(given)))

    def scanner(self, tmp_path: Path) -> Any:
        import contextlib

        @contextlib.contextmanager
        def made() -> Any:
            overrides = {"state_dir": str(tmp_path), **self.settings}
            settings = load(None, overrides).settings
            assembly = Assembly.of(settings)
            yield assembly.scanner(
                resolver=Zone(self.zone),
                stores=None,
                clock=SystemClock(),
                new_id=lambda: WHY,
            )

        return made()

    def command_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> dict[str, Any]:
        zone = tmp_path / "zone"
        zone.write_text(self.zone)
        arguments = ["--set", f"state_dir={tmp_path}"]
        for key, value in self.settings.items():
            arguments += ["--set", f"{key}={value}"]
        arguments += ["scan", str(self.path), "--zone", str(zone), "--json"]
        arguments += ["--mta-name", "mx.example.net"]
        for option in ("client", "helo", "from", "auth"):
            if option in self.env:
                arguments += [f"--{option}", self.env[option]]
        if "client_name" in self.env:
            arguments += ["--client-name", self.env["client_name"]]
        for recipient in self.to:
            arguments += ["--to", recipient]
        run(App, arguments)
        return plain(json.loads(capsys.readouterr().out))

    def milter(self, tmp_path: Path) -> Played:
        with (
            self.scanner(tmp_path) as scanner,
            running_scanner(tmp_path, scanner) as service,
            Connection(service.address) as mta,
        ):
            macros = {"auth_authen": self.env["auth"]} if "auth" in self.env else {}
            return play(
                mta,
                Sent(
                    self.raw,
                    client=self.env.get("client", "192.0.2.1"),
                    client_name=self.env.get("client_name", "unknown"),
                    helo=self.env.get("helo", ""),
                    reverse_path=self.env.get("from", ""),
                    recipients=tuple(self.to),
                    macros=macros,
                ),
            )


def plain(verdict: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from run to run."""
    kept = {
        key: value
        for key, value in verdict.items()
        if key not in {"file", "milliseconds", "spans", "why", "why_id"}
    }
    text = re.sub(r"why[ =][A-Z0-9]{10}", f"why {WHY}", json.dumps(kept))
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_there_are_cases() -> None:
    assert len(CASES) >= 10


def test_the_scanner_says_what_is_expected(
    case: Case, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    got = case.direct(tmp_path)
    expected_file = case.path.with_suffix(".verdict")
    text = json.dumps(got, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if request.config.getoption("--accept"):
        expected_file.write_text(text)
    expected = expected_file.read_text() if expected_file.exists() else ""
    if text != expected:
        case.path.with_suffix(".got").write_text(text)
    assert text == expected


def test_the_command_line_says_the_same(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = json.loads(case.path.with_suffix(".verdict").read_text())
    assert case.command_line(tmp_path, capsys) == expected


def test_the_milter_does_what_the_verdict_says(case: Case, tmp_path: Path) -> None:
    expected = json.loads(case.path.with_suffix(".verdict").read_text())
    played = case.milter(tmp_path)
    kinds = {
        "accept": Kind.ACCEPT,
        "tag": Kind.ACCEPT,
        "quarantine": Kind.ACCEPT,
        "discard": Kind.DISCARD,
    }
    if expected["action"] in kinds:
        assert played.answer.kind is kinds[expected["action"]]
        added = [
            (edit.name, edit.value.decode().strip().replace("\r\n", "\n"))
            for edit in played.edits
            if isinstance(edit, InsertField)
        ]
        wanted = [(field["name"], field["value"]) for field in expected["fields"]]
        assert [(n, re.sub(r"why=\S+", f"why {WHY}", v)) for n, v in added] == wanted
        assert bool([e for e in played.edits if isinstance(e, Held)]) == (
            expected["action"] == "quarantine"
        )
    else:
        reply = expected["reply"]
        assert played.answer.text == f"{reply['code']} {reply['enhanced']} {reply['text']}"
        assert not [e for e in played.edits if isinstance(e, ChangeField)]

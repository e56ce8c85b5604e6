from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filterd.config.load import load
from filterd.core.evidence import AuthResult, Property
from filterd.core.verdict import Action, InsertField, Reply, ScoredHit, Verdict
from filterd.frontends.cli.main import run
from filterd.frontends.cli.scan import exit_status
from filterd.scan.scanner import Submission

ACTIONS = {
    "ham": Action.ACCEPT,
    "tag": Action.TAG,
    "grey": Action.GREYLIST,
    "later": Action.TEMPFAIL,
    "hold": Action.QUARANTINE,
    "spam": Action.REJECT,
    "gone": Action.DISCARD,
}


class ByBody:
    """A scanner that does what the body says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Submission] = []

    def scan(self, submission: Submission) -> Verdict:
        self.asked.append(submission)
        action = ACTIONS[submission.message.body.strip().decode()]
        return Verdict(
            action,
            16.5,
            "WHYID",
            Reply(550, "5.7.1", "no") if action is Action.REJECT else None,
            hits=(ScoredHit("A", 16.5, "found [it]"), ScoredHit("B", 0.0)),
            auth_results=(
                AuthResult("spf", "pass", "", (Property("smtp", "mailfrom", "a@b.example"),)),
            ),
            authentication_results="mx; spf=pass",
            edits=(InsertField("X-Spam-Flag", "YES"),),
            thresholds=(("tag", 6.0), ("reject", 15.0)),
            milliseconds=1.25,
        )


class StubApp:
    def __init__(self) -> None:
        self.scanner = ByBody()
        self.built: dict[str, Any] = {}

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, overrides)

    @contextlib.contextmanager
    def build_scanner(self, settings: Any, **options: Any) -> Iterator[Any]:
        self.built = options
        yield self.scanner


@pytest.fixture
def app() -> Any:
    return StubApp()


def mail(folder: Path, name: str, line_end: bytes = b"\n") -> str:
    path = folder / f"{name}.eml"
    path.write_bytes(b"Subject: x\n\n".replace(b"\n", line_end) + name.encode() + line_end)
    return str(path)


STATUS = {
    "ham": 0, "tag": 0, "grey": 75, "later": 75, "hold": 1, "spam": 1, "gone": 1,
}  # fmt: skip


@pytest.mark.parametrize(("name", "status"), STATUS.items(), ids=STATUS)
def test_exit_status_of_each_action(app: Any, tmp_path: Path, name: str, status: int) -> None:
    assert run(lambda: app, ["scan", mail(tmp_path, name)]) == status
    assert exit_status(ACTIONS[name]) == status


@pytest.mark.parametrize(
    ("names", "status"),
    [(("ham", "grey"), 75), (("grey", "spam", "ham"), 1), (("ham", "tag"), 0)],
)
def test_of_several_files_the_worst_counts(
    app: Any, tmp_path: Path, names: tuple[str, ...], status: int
) -> None:
    assert run(lambda: app, ["scan", *(mail(tmp_path, n) for n in names)]) == status


def test_a_file_that_is_not_there_is_an_input_error_and_the_others_are_scanned(
    app: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(
            lambda: app,
            ["scan", "/nonexistent", str(tmp_path), mail(tmp_path, "spam"), "--json"],
        )
        == 2
    )
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "/nonexistent: No such file or directory" in err
    assert f"{tmp_path}: Is a directory" in err


def test_json_is_one_object_a_line_with_the_promised_keys(
    app: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [mail(tmp_path, "spam"), mail(tmp_path, "ham")]
    assert run(lambda: app, ["scan", "--json", *files]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["file"] == files[0]
    assert first["action"] == "reject"
    assert first["reply"] == {"code": 550, "enhanced": "5.7.1", "text": "no"}
    assert first["score"] == 16.5
    assert {k: first["hits"][0][k] for k in ("symbol", "score", "detail")} == {
        "symbol": "A", "score": 16.5, "detail": "found [it]"
    }  # fmt: skip
    assert first["auth_results"] == [
        {
            "method": "spf", "result": "pass", "reason": "", "comment": "",
            "properties": {"smtp.mailfrom": "a@b.example"},
        }
    ]  # fmt: skip
    assert first["authentication_results"] == "mx; spf=pass"
    assert first["fields"] == [{"name": "X-Spam-Flag", "value": "YES", "index": None}]
    assert first["milliseconds"] == 1.25
    assert second["reply"]["code"] == 250


def test_the_envelope_is_what_the_options_say(app: Any, tmp_path: Path) -> None:
    run(
        lambda: app,
        ["scan", mail(tmp_path, "ham"), "--client", "::ffff:192.0.2.1", "--helo", "mx.example",
         "--from", "<a@example.org>", "--to", "b@example.net", "--to", "c@example.net",
         "--client-name", "MX.example.", "--queue-id", "4Q", "--auth", "joe"],
    )  # fmt: skip
    [asked] = app.scanner.asked
    assert str(asked.session.client) == "192.0.2.1"
    assert asked.session.client_name == "mx.example"
    assert asked.session.auth_user == "joe"
    assert asked.reverse_path == "a@example.org"
    assert asked.recipients == ("b@example.net", "c@example.net")
    assert asked.queue_id == "4Q"


def test_a_client_that_is_no_address_is_a_usage_error(app: Any, tmp_path: Path) -> None:
    assert run(lambda: app, ["scan", mail(tmp_path, "ham"), "--client", "mx.example"]) == 2


def test_a_zone_answers_dns_and_a_look_leaves_no_state(app: Any, tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.write_text("example.org. 60 IN A 192.0.2.1\n")
    assert run(lambda: app, ["scan", mail(tmp_path, "ham"), "--zone", str(zone)]) == 0
    built = {"zone": zone.read_text(), "no_dns": False, "state": "none", "at": None}
    assert app.built == built
    assert (
        run(lambda: app, ["scan", mail(tmp_path, "ham"), "--zone", str(zone), "--no-dns"]) == 2
    )
    assert run(lambda: app, ["scan", mail(tmp_path, "ham"), "--zone", "/nonexistent"]) == 2


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_stored_mail_has_the_line_ends_of_smtp(
    app: Any, tmp_path: Path, line_end: bytes
) -> None:
    run(lambda: app, ["scan", mail(tmp_path, "ham", line_end)])
    assert app.scanner.asked[0].message.body == b"ham\r\n"


def test_standard_input_is_a_file_too(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Subject: x\n\ntag\n")))
    assert run(lambda: app, ["scan", "-"]) == 0
    assert app.scanner.asked


def test_a_person_reads_the_decision_and_what_made_it(
    app: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(lambda: app, ["scan", mail(tmp_path, "spam"), "--explain"])
    out = capsys.readouterr().out
    assert "reject score 16.5 (tag 6, reject 15), why WHYID" in out
    assert "reply: 550 5.7.1 no" in out
    assert "+16.50 A found [it]" in " ".join(out.split())
    assert "spf=pass smtp.mailfrom=a@b.example" in out
    assert "+ X-Spam-Flag: YES" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("2024-05-01", 1_714_521_600),
        ("2024-05-01T12:00Z", 1_714_564_800),
        ("2024-05-01 14:00:00+02:00", 1_714_564_800),
        ("Wed, 01 May 2024 14:00:00 +0200", 1_714_564_800),
    ],
)
def test_old_mail_is_judged_as_of_its_time(
    app: Any, tmp_path: Path, date: str, seconds: float
) -> None:
    assert run(lambda: app, ["scan", mail(tmp_path, "ham"), "--at", date]) == 0
    assert app.built["at"] == seconds


def test_date_that_is_none_is_wrong_usage(app: Any, tmp_path: Path) -> None:
    assert run(lambda: app, ["scan", mail(tmp_path, "ham"), "--at", "lately"]) == 2

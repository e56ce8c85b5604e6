from __future__ import annotations

import logging
from pathlib import Path

import pytest

from filterd.assembly import Assembly
from filterd.config.load import load
from filterd.observe.metrics import read_totals
from filterd.scan.submit import submission
from filterd.staff import Desk

RAW = b"From: a@example.org\nSubject: x\n\nbody\n"


def test_a_verdict_is_logged_counted_and_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load(
        None, {"state_dir": str(tmp_path), "dns.servers": '["127.0.0.1:9"]'}
    ).settings
    (settings.run_dir / "metrics").mkdir(parents=True)
    desk = Desk(Assembly.of(settings))
    with caplog.at_level(logging.INFO, "filterd.message"):
        verdict = desk.scanner.scan(submission(RAW, queue_id="4Queue"))
    desk.close()
    assert [r for r in caplog.records if r.getMessage().startswith("4Queue: ")]
    totals = read_totals(settings.run_dir / "metrics")
    assert sum(v for k, v in totals.numbers.items() if k[0] == "filterd_verdicts") == 1
    assert verdict.why_id in caplog.text


def test_an_observer_that_breaks_harms_no_mail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(
        None, {"state_dir": str(tmp_path), "dns.servers": '["127.0.0.1:9"]'}
    ).settings
    (settings.run_dir / "metrics").mkdir(parents=True)
    desk = Desk(Assembly.of(settings))

    def broken(*_: object) -> None:
        raise RuntimeError("disk full")

    desk._observers.insert(0, broken)
    verdict = desk.scanner.scan(submission(RAW))
    desk.close()
    assert verdict.action.value in {"accept", "tag"}
    assert "disk full" in caplog.text

from __future__ import annotations

import json
from datetime import datetime

import click
import pytest

from filterd.core.history import VerdictRecord
from filterd.core.verdict import Action, ScoredHit
from filterd.frontends.cli.history import moment
from tests.frontends.cli.test_why import RECORD, Kept, StubApp, filterd

NOW = 1_790_000_000.0


def test_every_option_narrows_the_search() -> None:
    kept = Kept(RECORD)
    filterd(
        StubApp(kept), "history", "--from", "@a.example", "--to", "bob@b.example", "--client", "192.0.2.1",
        "--symbol", "dnsbl_listed", "--action", "reject", "--since", "2026-09-01T00:00+00:00", "--until",
        "2026-10-01T00:00+00:00", "--limit", "7",
    )  # fmt: skip
    [query] = kept.queries
    assert query.sender == "@a.example"
    assert query.recipient == "bob@b.example"
    assert query.client == "192.0.2.1"
    assert query.symbol == "DNSBL_LISTED"
    assert query.action is Action.REJECT
    assert query.until - query.since == 30 * 86400
    assert query.limit == 7


def test_one_line_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    bounce = VerdictRecord("WHY2", NOW, Action.ACCEPT, -1.0, hits=(ScoredHit("[A]", -1.0),))
    assert filterd(StubApp(Kept(RECORD, bounce)), "history") == 0
    _, first, second = (" ".join(x.split()) for x in capsys.readouterr().out.splitlines())
    assert "4Xq1 reject 16.5 192.0.2.1 ann@a.example bob@b.example +2" in first
    assert first.endswith("CLASSIFIER_SPAM DNSBL_LISTED")
    assert "WHY2 accept -1.0 <>" in second
    assert second.endswith("[A]")


def test_json_is_one_verdict_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd(StubApp(Kept(RECORD, RECORD)), "history", "--json") == 0
    assert [json.loads(x)["queue_id"] for x in capsys.readouterr().out.splitlines()] == [
        "4Xq1"
    ] * 2


def test_nothing_found_is_status_1() -> None:
    assert filterd(StubApp(Kept()), "history") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", NOW - 7200), ("90s", NOW - 90), ("2026-09-21T14:13:20+00:00", NOW),
     ("2026-09-20", datetime.fromisoformat("2026-09-20").timestamp())],
)  # fmt: skip
def test_times_as_people_write_them(text: str, expected: float) -> None:
    assert moment(text, NOW, "--since") == expected


@pytest.mark.parametrize("text", ["yesterday", "5", "2026-13-01", ""])
def test_a_time_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        moment(text, NOW, "--since")
    assert filterd(StubApp(Kept()), "history", "--since", "yesterday") == 2

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from filterd.config.load import load
from filterd.core.check import Check
from filterd.core.evidence import AuthResult, Property
from filterd.core.history import VerdictQuery, VerdictRecord
from filterd.core.stage import Stage
from filterd.core.verdict import Action, Reply, ScoredHit, Span
from filterd.frontends.cli.main import run

RECORD = VerdictRecord(
    why_id="K7Q2M9XW4T",
    at=1_790_000_000.0,
    action=Action.REJECT,
    score=16.5,
    queue_id="4Xq1",
    decisive="score 16.50 >= reject 15",
    thresholds=(("tag", 6.0), ("reject", 15.0)),
    reply=Reply(550, "5.7.1", "Message refused as spam (why K7Q2M9XW4T)"),
    client="192.0.2.1",
    helo="mx.example",
    sender="ann@a.example",
    recipients=("bob@b.example",),
    recipient_count=3,
    hits=(
        ScoredHit("DNSBL_LISTED", 6.5, "192.0.2.1 in bl.example: 127.0.0.2"),
        ScoredHit("CLASSIFIER_SPAM", 10.0, "p=0.999", parts=(("word:[b]x", 4.0), ("word:y", -1.0))),
        ScoredHit("MY_RULE", 0.0, "", describe="A rule.", shadow=True),
    ),
    auth_results=(AuthResult("spf", "pass", "", (Property("smtp", "mailfrom", "a.example"),)),),
    failures=("iprev: timeout",),
    spans=(Span("classifier", 2.0, "eom"), Span("dnsbl", 40.0, "connect"), Span("rule", 0.4, "eom")),
    milliseconds=43.2,
    stage="eom",
)  # fmt: skip
CHECKS = (
    Check("dnsbl", Stage.CONNECT, lambda *_: (), symbols=("DNSBL_LISTED",)),
    Check("classifier", Stage.EOM, lambda *_: (), symbols=("CLASSIFIER_SPAM",)),
)


class Kept:
    """A history that holds what it is given and remembers what it was asked."""

    def __init__(self, *records: VerdictRecord) -> None:
        self.records = records
        self.queries: list[VerdictQuery] = []

    def find(self, identifier: str) -> VerdictRecord | None:
        return next((r for r in self.records if identifier in {r.why_id, r.queue_id}), None)

    def search(self, query: VerdictQuery) -> Sequence[VerdictRecord]:
        self.queries.append(query)
        return self.records


class StubApp:
    def __init__(self, history: Kept, overrides: dict[str, str] | None = None) -> None:
        self.history = history
        self.overrides = overrides or {}

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, {**overrides, **self.overrides})

    @contextlib.contextmanager
    def open_history(self, settings: Any) -> Iterator[Kept]:
        yield self.history

    def checks(self) -> Sequence[Check]:
        return CHECKS


def filterd(app: Any, *arguments: str) -> int:
    return run(lambda: app, arguments)


@pytest.mark.parametrize(
    "identifier", ["4Xq1", "K7Q2M9XW4T", "k7q2m9xw4t", "(why K7Q2M9XW4T)", "why=K7Q2M9XW4T"]
)
def test_a_verdict_is_found_as_people_quote_it(
    identifier: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filterd(StubApp(Kept(RECORD)), "why", identifier) == 0
    assert "K7Q2M9XW4T" in capsys.readouterr().out


def test_the_story_has_decision_turning_point_stages_and_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    filterd(StubApp(Kept(RECORD)), "why", "4Xq1")
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0].startswith("reject 4Xq1, why K7Q2M9XW4T, ")
    assert "decided by score 16.50 >= reject 15" in lines
    assert "to turn it without DNSBL_LISTED (6.5) the score 10.00 gives tag" in lines
    assert "to <bob@b.example> and 2 more" in lines
    assert "reply 550 5.7.1 Message refused as spam (why K7Q2M9XW4T)" in lines
    assert "connect dnsbl 40.0 +6.50 DNSBL_LISTED 192.0.2.1 in bl.example: 127.0.0.2" in lines
    assert "eom classifier 2.0 +10.00 CLASSIFIER_SPAM p=0.999" in lines
    assert "rule 0.4 +0.00 MY_RULE (shadow) A rule." in lines
    assert "spf=pass smtp.mailfrom=a.example" in lines
    assert "not known iprev: timeout" in lines
    assert "CLASSIFIER_SPAM: word:[b]x +4.00, word:y -1.00" in lines


def test_json_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd(StubApp(Kept(RECORD)), "why", "4Xq1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["why"] == "K7Q2M9XW4T"
    assert found["turning"].startswith("without DNSBL_LISTED")
    assert found["hits"][1]["parts"] == [["word:[b]x", 4.0], ["word:y", -1.0]]


def test_an_unknown_id_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert filterd(StubApp(Kept()), "why", "NOPE") == 1
    assert capsys.readouterr().err == "filterd: no verdict NOPE is recorded\n"


def test_where_nothing_is_recorded_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    app = StubApp(Kept(RECORD), {"history.enabled": "false"})
    assert filterd(app, "why", "4Xq1") == 2
    assert "history.enabled = false" in capsys.readouterr().err


@pytest.mark.parametrize("action", list(Action))
def test_every_action_can_be_told(action: Action, capsys: pytest.CaptureFixture[str]) -> None:
    bare = VerdictRecord("W", 0.0, action, 0.0)
    assert filterd(StubApp(Kept(bare)), "why", "W") == 0
    observed = dataclasses.replace(bare, would=Action.REJECT, decisive="GTUBE")
    assert filterd(StubApp(Kept(observed)), "why", "W") == 0
    assert "would have been reject" in capsys.readouterr().out

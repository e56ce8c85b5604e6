from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.core.errors import ConfigError
from filterd.core.evidence import AuthResult
from filterd.core.stage import Stage
from filterd.core.verdict import Action, Reply, ScoredHit, Span, Verdict
from filterd.observe.log import (
    MessageLog,
    as_text,
    bounded,
    clean,
    event,
    message_facts,
    open_log,
)
from filterd.observe.settings import LogSettings
from tests.support.builders import a_transaction

VERDICT = Verdict(
    Action.TAG,
    7.25,
    "K7Q2M9XW4T",
    hits=(
        ScoredHit("SUBJECT_CAPS", 0.75),
        ScoredHit("DNSBL_LISTED", 6.5, detail="192.0.2.1 in bl.example.org"),
        ScoredHit("CLASSIFIER_SPAM", 0.0, detail="0.98 no local labels"),
    ),
    auth_results=(
        AuthResult("spf", "softfail"),
        AuthResult("dkim", "fail"),
        AuthResult("dkim", "pass"),
    ),
    thresholds=(("tag", 6.0), ("reject", 15.0)),
    decisive="tag",
    milliseconds=12.345,
)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What was written; logging is as it was afterwards."""
    kept = logging.getLogger().handlers[:], logging.getLogger().level
    yield lambda: capsys.readouterr().err
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in kept[0]:
        root.addHandler(handler)
    root.setLevel(kept[1])
    logging.captureWarnings(capture=False)


def test_one_line_says_what_an_admin_greps_for(lines: Callable[[], str]) -> None:
    open_log(LogSettings())
    MessageLog(LogSettings())(a_transaction(helo="mx.example.org"), VERDICT)
    assert lines() == (
        "4Test: from=<sender@example.org> to=<user@example.net> nrcpt=1 ip=192.0.2.1 "
        "helo=mx.example.org auth= spf=softfail dkim=pass dmarc= score=7.25 required=6 action=tag "
        "rules=DNSBL_LISTED(6.5),SUBJECT_CAPS(0.8),CLASSIFIER_SPAM(0.0) model=0.98 ms=12.3 "
        "why=K7Q2M9XW4T by=tag\n"
    )


def test_without_a_queue_id_the_why_id_stands_first() -> None:
    tx = a_transaction(stage=Stage.RCPT, rcpt=("u@example.net",))
    tx.envelope = type(tx.envelope)("", ())
    verdict = Verdict(Action.REJECT, 0.0, "ABC", Reply(550, "5.7.1", "no"), stage="rcpt")
    assert as_text(message_facts(tx, verdict)).startswith(
        "ABC: from=<> to=<u@example.net> nrcpt=1 "
    )


def test_json_has_the_same_values(lines: Callable[[], str]) -> None:
    settings = LogSettings(format="json")
    open_log(settings)
    MessageLog(settings)(a_transaction(), VERDICT)
    found = json.loads(lines())
    assert found["event"] == "message"
    assert found["queue_id"] == "4Test"
    assert found["to"] == ["user@example.net"]
    assert found["rules"] == {"DNSBL_LISTED": 6.5, "SUBJECT_CAPS": 0.75, "CLASSIFIER_SPAM": 0.0}
    assert found["time"].endswith("+00:00")


def test_what_decided_is_in_one_piece_as_text_and_in_our_words_as_json(
    lines: Callable[[], str],
) -> None:
    verdict = Verdict(
        Action.REJECT,
        15.2,
        "X",
        decisive="score 15.20 >= reject 15",
        failures=("dnsbl: timed out",),
    )
    for form in ("text", "json"):
        open_log(LogSettings(format=form))
        MessageLog(LogSettings(format=form))(a_transaction(helo="a b"), verdict)
    text, as_json = lines().splitlines()
    assert text.endswith(" by=score_15.20_>=_reject_15 failed=dnsbl:_timed_out")
    assert " helo=a?b " in text  # a sender's words are not made nicer than they are
    found = json.loads(as_json)
    assert found["by"] == "score 15.20 >= reject 15"
    assert (found["helo"], found["failed"]) == ("a b", ["dnsbl: timed out"])


def test_a_slow_scan_says_where_the_time_went(lines: Callable[[], str]) -> None:
    open_log(LogSettings())
    verdict = Verdict(
        Action.ACCEPT, 0, "X", milliseconds=6100, spans=(Span("spf", 100), Span("dnsbl", 5900))
    )
    MessageLog(LogSettings())(a_transaction(), verdict)
    assert lines().splitlines()[1] == (
        "warning: event=slow queue_id=4Test why=X ms=6100 spans=dnsbl:5900,spf:100"
    )


def test_recipients_and_rules_are_bounded() -> None:
    hits = tuple(ScoredHit(f"SYMBOL_WITH_A_LONG_NAME_{n}", 1.0) for n in range(500))
    tx = a_transaction(rcpt=[f"{n}@example.org" for n in range(900)])
    line = as_text(message_facts(tx, Verdict(Action.TAG, 500, "X", hits=hits), 5, 400))
    assert len(line) < 4096
    assert "nrcpt=900" in line
    assert ",+" in line


text = st.text() | st.text(
    st.sampled_from("\r\n\t =,<>:\x00\x1b\u2028\x85\udc80é"), max_size=40
)


@pytest.mark.fuzz
@given(text, text, text, text)
def test_no_sender_can_forge_a_key_or_a_line(
    sender: str, recipient: str, helo: str, detail: str
) -> None:
    verdict = Verdict(
        Action.REJECT, 20, "WHY", hits=(ScoredHit("CLASSIFIER_SPAM", 1.0, detail=detail),)
    )
    tx = a_transaction(mail_from=sender, rcpt=(recipient,), helo=helo, auth_user=helo)
    line = as_text(message_facts(tx, verdict))
    assert len(line.splitlines()) == 1
    keys = [part.partition("=")[0] for part in line.split()[1:]]
    assert keys == [
        "from",
        "to",
        "nrcpt",
        "ip",
        "helo",
        "auth",
        "spf",
        "dkim",
        "dmarc",
        "score",
        "required",
        "action",
        "rules",
        "model",
        "ms",
        "why",
    ]
    line.encode()


@pytest.mark.fuzz
@given(text)
def test_any_exception_text_stays_on_marked_lines(wording: str) -> None:
    from filterd.observe.log import TextFormatter

    try:
        raise ValueError(wording)
    except ValueError:
        record = logging.LogRecord(
            "filterd.scan", logging.ERROR, "", 0, "failed: %s", (wording,), sys.exc_info()
        )
    first, *rest = TextFormatter().format(record).split("\n")
    assert first.startswith("error: failed: ")
    assert all(line.startswith("  | ") for line in rest)


def test_events_are_key_value_too(lines: Callable[[], str]) -> None:
    open_log(LogSettings())
    event("reload", generation=2, cause="a b\n")
    event("worker-died", logging.ERROR, pid=12)
    logging.getLogger("filterd.serve").debug("hidden")
    assert (
        lines() == 'event=reload generation=2 cause="a b?"\nerror: event=worker-died pid=12\n'
    )


def test_clean_keeps_international_addresses() -> None:
    assert clean("jürgen@例え.jp") == "jürgen@例え.jp"
    assert bounded("x" * 300) == "x" * 255 + "…"


def test_syslog_gets_facility_mail(tmp_path: Path, lines: Callable[[], str]) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(5)
        settings = LogSettings(to="syslog", syslog_socket=str(path))
        open_log(settings)
        MessageLog(settings)(a_transaction(), VERDICT)
        line = server.recv(8192)
    assert line.startswith(b"<22>filterd: 4Test: from=<sender@example.org>")  # mail.info
    assert not line.endswith(b"\0")


def test_a_syslog_that_does_not_read_loses_lines_and_holds_up_nothing(
    tmp_path: Path, lines: Callable[[], str]
) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        open_log(LogSettings(to="syslog", syslog_socket=str(path)))
        log = MessageLog(LogSettings())
        for _ in range(14):  # max_dgram_qlen is 10 by default, and some are lost
            log(a_transaction(), VERDICT)
    assert lines() == ""


def test_a_syslog_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"log\.syslog_socket: cannot open"):
        open_log(LogSettings(to="syslog", syslog_socket=str(tmp_path / "none")))

from __future__ import annotations

import gzip
import json
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.sink import SmtpSink
from filterd.auth import dkim
from filterd.auth.keyfile import Signer, published, to_pem
from filterd.config.load import load
from filterd.core.clock import SystemClock
from filterd.core.stores import DmarcSeen
from filterd.dns.zone import Zone
from filterd.frontends.cli import dmarc
from filterd.frontends.cli.main import run
from filterd.mail.message import Message
from filterd.store.dmarc import DAY, MemoryReports
from tests.support.answers import asking
from tests.support.signing import rsa_key

NOW = SystemClock().now()
YESTERDAY = NOW - 2 * DAY  # over, whatever the hour
SEEN = DmarcSeen(
    "example.com", "v=DMARC1; p=none; rua=mailto:d@example.com", "192.0.2.1", "example.com",
    "b.example", "none", "pass", "fail",
)  # fmt: skip
ZONE = """
_dmarc.example.com. TXT "v=DMARC1; p=none"
_dmarc.slow.example. TIMEOUT
"""
AWAY = replace(
    SEEN,
    policy_domain="away.example",
    record="v=DMARC1; p=none; rua=mailto:d@elsewhere.example",
)
SLOW = replace(
    SEEN, policy_domain="slow.example", record="v=DMARC1; p=none; rua=mailto:d@slow.example"
)


class StubApp:
    def __init__(self, state: Path, reports: MemoryReports, text: str) -> None:
        self.reports = reports
        self.file = state / "filterd.toml"
        self.file.write_text(f'state_dir = "{state}"\n{text}')

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        del path
        return load(self.file, overrides)

    @contextmanager
    def open_resolver(self, settings: Any, *, zone: str | None = None) -> Iterator[Zone]:
        del settings
        yield Zone(zone or ZONE)

    @contextmanager
    def open_reports(self, settings: Any) -> Iterator[MemoryReports]:
        del settings
        yield self.reports


@pytest.fixture
def reports() -> MemoryReports:
    return MemoryReports()


def report(state: Path, reports: MemoryReports, *arguments: str, text: str = "") -> int:
    base = '[dmarc_reports]\naddress = "dmarc@mx.example.net"\n'
    app: Any = StubApp(state, reports, base + text)
    return run(lambda: app, ["dmarc", "report", *arguments])


def test_reports_of_days_that_are_over_are_mailed_and_forgotten(
    tmp_path: Path, reports: MemoryReports, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        reports.add(SEEN, YESTERDAY)
    reports.add(SEEN, NOW)
    with SmtpSink() as sink:
        smarthost = f'smarthost = "127.0.0.1:{sink.port}"\n'
        assert report(tmp_path, reports, "--json", text=smarthost) == 0
        (delivery,) = sink.wait(1)
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["sent"], told["messages"]) == (["d@example.com"], 3)
    assert delivery.recipients == ("d@example.com",)
    assert delivery.reverse_path == "dmarc@mx.example.net"
    (subject,) = delivery.fields("Subject")
    assert subject.startswith(
        "Report Domain: example.com Submitter: mx.example.net Report-ID: <"
    )
    assert reports.days() == [int(NOW // DAY)]


def test_reports_are_signed_with_our_key(tmp_path: Path, reports: MemoryReports) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(to_pem(rsa_key()))
    key.chmod(0o600)
    signer = Signer("example.net", "s", rsa_key())
    reports.add(SEEN, YESTERDAY)
    with SmtpSink() as sink:
        text = (
            f'smarthost = "127.0.0.1:{sink.port}"\n'
            f'[[signing.keys]]\ndomain = "example.net"\nselector = "s"\nkey = "{key}"\n'
        )
        assert report(tmp_path, reports, text=text) == 0
        (delivery,) = sink.wait(1)
    message = Message.from_bytes(delivery.content)
    (result,) = dkim.evaluate(message, asking({signer.name: published(signer)}), NOW)
    assert (result.result, result.get("header.d")) == ("pass", "example.net")


def test_destination_without_consent_gets_nothing_and_is_named(
    tmp_path: Path, reports: MemoryReports, capsys: pytest.CaptureFixture[str]
) -> None:
    reports.add(AWAY, YESTERDAY)
    with SmtpSink() as sink:
        smarthost = f'smarthost = "127.0.0.1:{sink.port}"\n'
        assert report(tmp_path, reports, text=smarthost) == 0
        assert sink.deliveries == ()
    assert "elsewhere.example does not ask for reports about away.example" in (
        capsys.readouterr().out
    )
    assert reports.days() == []


def test_what_cannot_be_known_now_is_kept(tmp_path: Path, reports: MemoryReports) -> None:
    reports.add(SLOW, YESTERDAY)
    reports.add(SEEN, YESTERDAY)
    with SmtpSink() as sink:
        smarthost = f'smarthost = "127.0.0.1:{sink.port}"\n'
        assert report(tmp_path, reports, text=smarthost) == 75
        assert len(sink.deliveries) == 1
    (day,) = reports.days()
    assert [seen.policy_domain for seen, _ in reports.results(day)] == ["slow.example"]


def test_smarthost_that_is_down_loses_nothing(
    tmp_path: Path, reports: MemoryReports, capsys: pytest.CaptureFixture[str]
) -> None:
    reports.add(SEEN, YESTERDAY)
    with SmtpSink() as sink:
        port = sink.port
    assert report(tmp_path, reports, text=f'smarthost = "127.0.0.1:{port}"\n') == 75
    assert "takes no mail" in capsys.readouterr().err
    assert len(list(reports.results(int(YESTERDAY // DAY)))) == 1


def test_day_that_another_run_has_in_hand_is_left_to_it(
    tmp_path: Path, reports: MemoryReports, capsys: pytest.CaptureFixture[str]
) -> None:
    reports.add(SEEN, YESTERDAY)
    reports.add(AWAY, YESTERDAY)
    (day,) = reports.days()
    assert reports.claim(day, "example.com", NOW, 3600)
    assert report(tmp_path, reports, "--no-send", "--out", str(tmp_path / "out"), "--json") == 0
    assert [told["domain"] for told in json.loads(capsys.readouterr().out)] == ["away.example"]
    assert [seen.policy_domain for seen, _ in reports.results(day)] == ["example.com"]


class Fickle:
    """A smarthost that puts off some mailboxes."""

    def __init__(self, *put_off: str) -> None:
        self.put_off = put_off
        self.taken: list[str] = []

    def sendmail(self, from_addr: str, to_addrs: list[str], msg: bytes) -> None:
        del from_addr, msg
        if to_addrs[0] in self.put_off:
            raise smtplib.SMTPRecipientsRefused({to_addrs[0]: (450, b"later")})
        self.taken += to_addrs


def test_destination_that_has_the_report_does_not_get_it_again(
    tmp_path: Path, reports: MemoryReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = "v=DMARC1; p=none; rua=mailto:a@example.com,mailto:b@example.com"
    reports.add(replace(SEEN, record=record), YESTERDAY)

    def run_with(mailer: Fickle) -> int:
        monkeypatch.setattr(dmarc, "transport", lambda _smarthost: nullcontext(mailer))
        return report(tmp_path, reports)

    first, second = Fickle("a@example.com"), Fickle()
    assert (run_with(first), first.taken) == (75, ["b@example.com"])
    assert (run_with(second), second.taken) == (0, ["a@example.com"])
    assert reports.days() == []


def test_trial_with_todays_results_does_not_count_as_the_report(
    tmp_path: Path, reports: MemoryReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.add(SEEN, NOW)
    mailer = Fickle()
    monkeypatch.setattr(dmarc, "transport", lambda _smarthost: nullcontext(mailer))
    assert [report(tmp_path, reports, "--today") for _ in range(2)] == [0, 0]
    assert mailer.taken == ["d@example.com"] * 2


def test_reports_can_be_written_instead(tmp_path: Path, reports: MemoryReports) -> None:
    reports.add(SEEN, YESTERDAY)
    out = tmp_path / "out"
    assert report(tmp_path, reports, "--no-send", "--out", str(out)) == 0
    (path,) = out.iterdir()
    begin = int(YESTERDAY // DAY) * DAY
    assert path.name.startswith(f"mx.example.net!example.com!{begin}!{begin + DAY - 1}!")
    assert b"<feedback xmlns=" in gzip.decompress(path.read_bytes())


def test_a_look_changes_nothing(
    tmp_path: Path, reports: MemoryReports, capsys: pytest.CaptureFixture[str]
) -> None:
    reports.add(SEEN, YESTERDAY)
    assert report(tmp_path, reports, "--no-send") == 0
    assert "example.com 1 messages" in capsys.readouterr().out
    assert len(reports.days()) == 1


def test_day_that_is_not_over_is_never_forgotten(
    tmp_path: Path, reports: MemoryReports
) -> None:
    reports.add(SEEN, NOW)
    out = ["--no-send", "--out", str(tmp_path / "out")]
    assert report(tmp_path, reports, *out, "--today") == 0
    assert len(list((tmp_path / "out").iterdir())) == 1
    assert len(reports.days()) == 1


def test_one_domain_can_be_asked_for(tmp_path: Path, reports: MemoryReports) -> None:
    reports.add(SEEN, YESTERDAY)
    reports.add(AWAY, YESTERDAY)
    out = ["--no-send", "--out", str(tmp_path / "out")]
    assert report(tmp_path, reports, *out, "--domain", "Away.example") == 0
    assert len(list((tmp_path / "out").iterdir())) == 1
    (day,) = reports.days()
    assert [seen.policy_domain for seen, _ in reports.results(day)] == ["example.com"]


def test_results_too_old_to_be_news_are_dropped(
    tmp_path: Path, reports: MemoryReports, capsys: pytest.CaptureFixture[str]
) -> None:
    reports.add(SEEN, NOW - 30 * DAY)
    assert report(tmp_path, reports, "--no-send") == 0
    assert "nothing to report" in capsys.readouterr().out
    assert reports.days() == []


def test_reports_need_a_sender(tmp_path: Path, reports: MemoryReports) -> None:
    app: Any = StubApp(tmp_path, reports, "")
    assert run(lambda: app, ["dmarc", "report"]) == 2

from __future__ import annotations

import gc
import re
import threading
import weakref
from pathlib import Path

import pytest

from filterd.assembly import Assembly, NoDns, new_why_id
from filterd.config.load import load
from filterd.core.clock import FixedClock
from filterd.core.errors import ConfigError
from filterd.core.lookup import Question, RRType, Status
from filterd.core.verdict import Action
from filterd.mail.message import Message
from filterd.scan.submit import submission


def test_why_ids_can_be_read_aloud_and_do_not_repeat() -> None:
    found = {new_why_id() for _ in range(2000)}
    assert len(found) == 2000
    assert all(re.fullmatch(r"[2-9A-HJ-NP-Z]{10}", one) for one in found)


def test_without_dns_nothing_is_known_and_nothing_fails() -> None:
    resolver = NoDns()
    resolver.prefetch([])
    assert resolver.ask(Question("a.example", RRType.A), 0.0).status is Status.TEMPFAIL
    resolver.close()


def test_shipped_settings_make_a_scanner_that_judges(tmp_path: Path) -> None:
    settings = load(None, {"state_dir": str(tmp_path)}).settings
    assembly = Assembly.of(settings)
    assert re.match(r"\d+ checks, ", assembly.summary)
    scanner = assembly.scanner(resolver=NoDns(), stores=None, clock=FixedClock())
    gtube = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    verdict = scanner.scan(submission(b"From: a@example.org\n\n" + gtube + b"\n"))
    assert verdict.action is Action.REJECT


def test_a_rule_file_that_does_not_compile_says_where(tmp_path: Path) -> None:
    rules = tmp_path / "rules.d"
    rules.mkdir()
    (rules / "mine.toml").write_text('[rule.BAD]\nwhere = "nowhere"\nmatch = "("\nscore = 1\n')
    settings = load(None, {"state_dir": str(tmp_path), "rules.directory": str(rules)}).settings
    with pytest.raises(ConfigError, match=r"mine\.toml: ?\d+:\d+"):
        Assembly.of(settings)


def test_our_domains_are_known_to_whoever_looks_for_forgeries(tmp_path: Path) -> None:
    settings = load(
        None, {"state_dir": str(tmp_path), "local_domains": '["example.net"]'}
    ).settings
    scanner = Assembly.of(settings).scanner(resolver=NoDns(), stores=None, clock=FixedClock())
    forged = submission(
        b"From: Boss <boss@example.net>\nSubject: x\n\nbody\n",
        client="192.0.2.1",
        helo="example.net",
        mail_from="a@elsewhere.example",
    )
    symbols = {hit.symbol for hit in scanner.scan(forged).hits}
    assert any(symbol.startswith("FROM_OWN") for symbol in symbols)
    assert "HELO_OURS" in symbols


def test_warming_up_runs_every_part_without_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assembly = Assembly.of(load(None, {"state_dir": str(tmp_path)}).settings)
    before = threading.active_count()
    assembly.warm()
    assert caplog.records == []
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []


def test_what_a_scan_made_is_free_when_it_is_over(tmp_path: Path) -> None:
    """Nothing of a message waits for the collector: that was 4 MB in a worker with 16 sessions."""
    assembly = Assembly.of(load(None, {"state_dir": str(tmp_path)}).settings)
    scanner = assembly.scanner(resolver=NoDns(), stores=None, clock=FixedClock())
    raw = (
        b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: our order\r\n"
        b"Content-Type: text/html\r\n\r\n"
        b'<p>See <a href="http://www.example.com/a">here</a>, act now</p>\r\n'
    )

    def scan() -> weakref.ref[Message]:
        given = submission(
            raw, client="192.0.2.1", mail_from="ann@example.org", recipients=("b@example.net",)
        )
        scanner.scan(given)
        return weakref.ref(given.message)

    scan()
    gc.disable()
    try:
        assert scan()() is None
    finally:
        gc.enable()

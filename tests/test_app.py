from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from filterd.app import App
from filterd.config.settings import FilterSettings
from filterd.core.errors import ConfigError
from filterd.scan.submit import submission
from tests.support.signing import crafted, rsa_record

RAW = b"From: a@example.org\nSubject: x\n\nbody\n"


@pytest.fixture
def settings(tmp_path: Path) -> FilterSettings:
    return App().load_settings(None, {"state_dir": str(tmp_path)}).settings


def test_settings_come_with_every_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        App().load_settings(None, {"thresholds.tag": '"x"', "nonsense": "1"})
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize("state", ["none", "memory", "live"])
def test_a_scanner_remembers_with_what_was_asked_for(
    settings: FilterSettings, tmp_path: Path, state: Literal["none", "memory", "live"]
) -> None:
    with App().build_scanner(settings, no_dns=True, state=state) as scanner:
        assert (scanner.services.greylist is None) is (state == "none")
        scanner.scan(submission(RAW, client="192.0.2.1", recipients=["u@example.net"]))
    assert (tmp_path / "state.sqlite").exists() is (state == "live")


def test_a_zone_answers_everything(settings: FilterSettings) -> None:
    zone = "example.org TXT v=spf1 ip4:192.0.2.1 -all"
    with App().build_scanner(settings, zone=zone, state="none") as scanner:
        verdict = scanner.scan(
            submission(RAW, client="192.0.2.1", helo="h", mail_from="a@example.org")
        )
    results = {(r.method, r.result) for r in verdict.auth_results}
    assert ("spf", "pass") in results


@pytest.mark.parametrize(("at", "result"), [(1_700_000_500.0, "pass"), (None, "fail")])
def test_a_signature_that_has_expired_held_when_the_mail_came(
    settings: FilterSettings, at: float | None, result: str
) -> None:
    tags = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=from; x=1700001000"
    raw = crafted(b"From: a@example.org\r\n\r\nhello\r\n", tags)
    zone = f"s._domainkey.example.org TXT {rsa_record()}"
    with App().build_scanner(settings, zone=zone, state="none", at=at) as scanner:
        verdict = scanner.scan(submission(raw))
    assert [r.result for r in verdict.auth_results if r.method == "dkim"] == [result]


def test_rules_stores_and_checks_are_to_be_had(settings: FilterSettings) -> None:
    app = App()
    rules = app.load_rules(settings)
    for check in app.checks():
        assert set(check.symbols) <= set(rules.scores)
    stores = app.open_stores(settings)
    assert stores.status()
    stores.close()

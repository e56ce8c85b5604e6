"""Allow and deny lists: a name holds only with proof, a network always."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filterd.checks.allow import CHECK, Settings
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult, Evidence, Hit, Property, Proposal
from filterd.core.stage import Stage
from filterd.core.verdict import Action
from tests.support.builders import a_transaction, no_dns


def proof(method: str, name: str, domain: str) -> AuthResult:
    ptype, _, prop = name.partition(".")
    return AuthResult(method, "pass", properties=(Property(ptype, prop, domain),))


SPF = proof("spf", "smtp.mailfrom", "example.org")
DKIM = proof("dkim", "header.d", "mail.example.org")
DMARC = proof("dmarc", "header.from", "example.org")


def said(
    folder: Path,
    stage: Stage,
    *seen: Evidence,
    allow: str = "",
    deny: str = "",
    clock: FixedClock | None = None,
    settings: dict[str, Any] | None = None,
    **facts: Any,
) -> list[str]:
    (folder / "allow").write_text(allow)
    (folder / "deny").write_text(deny)
    chosen = Settings(
        allow_files=(str(folder / "allow"),),
        deny_files=(str(folder / "deny"),),
        **(settings or {}),
    )
    tx = a_transaction(stage=stage, evidence=seen, **facts)
    services = Services(ask=no_dns, clock=clock or FixedClock())
    found = CHECK.run(tx, chosen, services)
    return [
        e.symbol if isinstance(e, Hit) else e.action.value
        for e in found
        if isinstance(e, Hit | Proposal)
    ]


@pytest.mark.parametrize(
    ("entry", "seen", "found"),
    [
        ("192.0.2.0/24", [], ["ALLOW_CLIENT", "accept"]),
        ("192.0.2.1", [], ["ALLOW_CLIENT", "accept"]),
        ("198.51.100.0/24", [], []),
        ("example.org", [], ["ALLOW_UNPROVEN"]),
        ("example.org", [SPF], ["ALLOW_SENDER", "accept"]),
        ("example.org", [DKIM], ["ALLOW_SENDER", "accept"]),
        ("example.org", [DMARC], ["ALLOW_SENDER", "accept"]),
        ("example.org", [proof("spf", "smtp.mailfrom", "evil.example")], ["ALLOW_UNPROVEN"]),
        ("example.org", [proof("dkim", "header.d", "evil.example")], ["ALLOW_UNPROVEN"]),
        ("example.org unsafe", [], ["ALLOW_SENDER", "accept"]),
        ("sender@example.org", [SPF], ["ALLOW_SENDER", "accept"]),
        ("other@example.org", [SPF], []),
        ("@example.org", [SPF], ["ALLOW_SENDER", "accept"]),
        ("org", [SPF], []),
    ],
)
def test_allow(tmp_path: Path, entry: str, seen: list[Evidence], found: list[str]) -> None:
    assert said(tmp_path, Stage.EOM, *seen, allow=entry) == found


def test_at_rcpt_a_name_without_proof_says_nothing_yet(tmp_path: Path) -> None:
    assert said(tmp_path, Stage.RCPT, allow="example.org") == []
    assert said(tmp_path, Stage.RCPT, SPF, allow="example.org") == ["ALLOW_SENDER"]


def test_an_author_behind_another_reverse_path_needs_its_own_proof(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"mail_from": "bounce@mailer.example", "allow": "example.org"}
    mailer = proof("spf", "smtp.mailfrom", "mailer.example")
    assert said(tmp_path, Stage.EOM, mailer, **facts) == ["ALLOW_UNPROVEN"]
    assert said(tmp_path, Stage.EOM, mailer, DMARC, **facts) == ["ALLOW_SENDER", "accept"]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("192.0.2.0/24", ["DENY_CLIENT", "reject"]),
        ("example.org", ["DENY_SENDER", "reject"]),
        ("sender@example.org", ["DENY_SENDER", "reject"]),
        ("elsewhere.example", []),
    ],
)
@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.EOM])
def test_deny(tmp_path: Path, entry: str, found: list[str], stage: Stage) -> None:
    assert said(tmp_path, stage, deny=entry) == found


def test_an_allow_entry_that_holds_wins_over_deny(tmp_path: Path) -> None:
    lists: dict[str, Any] = {"allow": "example.org", "deny": "192.0.2.0/24"}
    assert said(tmp_path, Stage.RCPT, SPF, **lists) == ["ALLOW_SENDER"]
    assert said(tmp_path, Stage.RCPT, **lists) == ["DENY_CLIENT", "reject"]


@pytest.mark.parametrize(
    ("lists", "symbol"),
    [({"allow": "192.0.2.1"}, "ALLOW_CLIENT"), ({"deny": "192.0.2.1"}, "DENY_CLIENT")],
)
def test_lists_may_only_score(tmp_path: Path, lists: dict[str, Any], symbol: str) -> None:
    only = {"allow": "score", "deny": "score"}
    assert said(tmp_path, Stage.EOM, settings=only, **lists) == [symbol]


def test_the_action_at_the_end_follows_what_rcpt_found(tmp_path: Path) -> None:
    found = said(tmp_path, Stage.EOM, Hit("ALLOW_CLIENT"), allow="192.0.2.1")
    assert found == [Action.ACCEPT.value]


def test_changes_are_seen_within_a_second(tmp_path: Path) -> None:
    clock = FixedClock()
    assert said(tmp_path, Stage.RCPT, deny="", clock=clock) == []
    clock.advance(1.1)
    found = said(tmp_path, Stage.RCPT, deny="192.0.2.1", clock=clock)
    assert found == ["DENY_CLIENT", "reject"]

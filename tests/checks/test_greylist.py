"""Greylisting, from the facts of a session to the reply."""

from __future__ import annotations

from typing import Any

import pytest

from filterd.checks.greylist import CHECK, Settings
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult, Evidence, Hit, Note, Property, Proposal
from filterd.core.stage import Stage
from filterd.core.stores import Standing
from filterd.core.verdict import Action, Reply
from filterd.store.memory import MemoryState
from tests.support.builders import a_transaction, no_dns

SUSPICIOUS = Hit("DNSBL_LISTED")
SPF_PASS = AuthResult("spf", "pass", properties=(Property("smtp", "mailfrom", "a.example"),))
HELO_PASS = AuthResult(
    "spf", "pass", properties=(Property("smtp", "helo", "mx7.pool.example"),)
)
DMARC_PASS = AuthResult("dmarc", "pass", properties=(Property("header", "from", "a.example"),))


class Desk:
    """A greylist with its clock: what does this attempt get?"""

    def __init__(self, points: float = 0.0, **settings: Any) -> None:
        self.clock = FixedClock()
        self.store = MemoryState()
        self.settings = Settings(**settings)
        self.services = Services(
            ask=no_dns,
            clock=self.clock,
            greylist=self.store,
            points=lambda _: {"CONTENT": points, "": points},
        )

    def rcpt(self, *seen: Evidence, after: float = 0, **facts: Any) -> list[Evidence]:
        self.clock.advance(after)
        tx = a_transaction(stage=Stage.RCPT, evidence=seen or (SUSPICIOUS,), **facts)
        return list(CHECK.run(tx, self.settings, self.services))

    def eom(self, *seen: Evidence, after: float = 0, **facts: Any) -> list[Evidence]:
        self.clock.advance(after)
        tx = a_transaction(evidence=seen, **facts)
        return list(CHECK.run(tx, self.settings, self.services))


def kinds(found: list[Evidence]) -> list[str]:
    return [e.symbol if isinstance(e, Hit | Proposal) else type(e).__name__ for e in found]


def test_a_suspicious_stranger_waits_and_passes() -> None:
    desk = Desk()
    (first,) = desk.rcpt()
    assert isinstance(first, Proposal)
    assert first.action is Action.GREYLIST
    assert str(first.reply) == "451 4.7.1 Greylisted, please come back in 90 seconds"
    (early,) = desk.rcpt(after=30.5)
    assert isinstance(early, Proposal)
    assert "in 60 seconds" in early.reply.text
    assert desk.rcpt(after=60) == [Hit("GREYLIST_PASSED", "after 90 s")]
    assert kinds(desk.rcpt(after=1000)) == ["GREYLIST_KNOWN"]


def test_what_is_refused_for_good_is_not_asked_to_come_back_and_leaves_no_trace() -> None:
    desk = Desk()
    denied = Proposal(Action.REJECT, "DENY_SENDER", Reply(550, "5.7.1", "no"))
    assert desk.rcpt(SUSPICIOUS, denied) == []
    assert list(desk.store.export_rows()) == []


def test_mail_for_a_spamtrap_is_let_in_to_be_seen() -> None:
    assert Desk().rcpt(SUSPICIOUS, Hit("TRAP_RECIPIENT")) == []


@pytest.mark.parametrize(
    ("seen", "facts", "waits"),
    [
        pytest.param([Hit("RDNS_DYNAMIC")], {}, True, id="dynamic-name"),
        pytest.param([Hit("SPF_NEUTRAL")], {}, False, id="nothing-suspicious"),
        pytest.param([SUSPICIOUS, Hit("ALLOW_NETWORK")], {}, False, id="allow-listed"),
        pytest.param([SUSPICIOUS, Hit("DNSWL_HIGH")], {}, False, id="dns-allow-listed"),
        pytest.param([SUSPICIOUS, Hit("CORRESPONDENT_KNOWN")], {}, False, id="correspondent"),
        pytest.param([SUSPICIOUS], {"auth_user": "ann"}, False, id="authenticated"),
        pytest.param([SUSPICIOUS], {"is_local": True}, False, id="local"),
        pytest.param([SUSPICIOUS], {"client": "unknown"}, False, id="no-address"),
        pytest.param([SUSPICIOUS], {"rcpt": ["Postmaster@b.example"]}, False, id="postmaster"),
        pytest.param([SUSPICIOUS], {"mail_from": ""}, True, id="null-path"),
        pytest.param([SUSPICIOUS, SPF_PASS], {}, False, id="proven-waits-for-its-subject"),
    ],
)
def test_who_waits_at_rcpt(seen: list[Evidence], facts: dict[str, Any], waits: bool) -> None:
    found = Desk().rcpt(*seen, **facts)
    assert kinds(found) == (["GREYLIST_DEFERRED"] if waits else [])


def test_always_asks_everybody() -> None:
    assert kinds(Desk(when="always").rcpt(Hit("X"))) == ["GREYLIST_DEFERRED"]


def test_neighbours_of_a_network_pass_together() -> None:
    desk = Desk()
    desk.rcpt(client="192.0.2.1")
    assert kinds(desk.rcpt(client="192.0.2.200", after=100)) == ["GREYLIST_PASSED"]
    assert kinds(desk.rcpt(client="192.0.3.1")) == ["GREYLIST_DEFERRED"]


@pytest.mark.parametrize(
    ("proof", "reason"), [(SPF_PASS, "spf"), (DMARC_PASS, "dmarc"), (HELO_PASS, "helo")]
)
def test_a_pool_of_a_proven_domain_passes_from_anywhere(proof: Evidence, reason: str) -> None:
    desk = Desk()
    assert kinds(desk.eom(proof, SUSPICIOUS, client="192.0.2.1")) == ["GREYLIST_DEFERRED"]
    found = desk.eom(proof, SUSPICIOUS, client="203.0.113.9", after=95)
    assert kinds(found) == ["GREYLIST_PASSED", "Note"], reason


def test_serials_in_the_reverse_path_do_not_matter() -> None:
    desk = Desk()
    desk.rcpt(mail_from="b-4711-1@news.example")
    found = desk.rcpt(mail_from="b-4711-2@news.example", after=100)
    assert kinds(found) == ["GREYLIST_PASSED"]


@pytest.mark.parametrize(
    ("subject", "sender", "waits"),
    [
        ("Your sign-in code: 123456", "noreply@a.example", False),
        ("Ihr Bestätigungscode", "noreply@a.example", False),
        ("=?utf-8?q?V=C3=A9rification_de_votre_compte?=", "x@a.example", False),
        ("Hello", "password-reset@a.example", False),
        ("Cheap watches", "offers@a.example", True),
        ("Hotpots", "offers@a.example", True),
    ],
)
@pytest.mark.parametrize(
    "settings",
    [{}, {"at": "eom"}, {"at": "eom", "when": "always"}],
    ids=["rcpt", "by-score", "always"],
)
def test_login_codes_of_proven_senders_never_wait(
    settings: dict[str, Any], subject: str, sender: str, waits: bool
) -> None:
    found = Desk(points=4.0, **settings).eom(
        SPF_PASS,
        SUSPICIOUS,
        mail_from=sender,
        message=f"From: {sender}\nSubject: {subject}\n\nhello\n",
    )
    assert kinds(found) == (["GREYLIST_DEFERRED"] if waits else [])


def test_a_login_code_without_proof_waits() -> None:
    found = Desk().rcpt(SUSPICIOUS, mail_from="password-reset@a.example")
    assert kinds(found) == ["GREYLIST_DEFERRED"]


def test_what_passed_at_rcpt_is_not_asked_again_and_says_so_on_the_message() -> None:
    desk = Desk(points=7.2)
    desk.rcpt()
    (passed,) = desk.rcpt(after=312)
    found = desk.eom(SUSPICIOUS, passed)
    assert found == [Note("X-Greylist", "delayed 312 seconds by filterd")]
    (day,) = desk.store.ledger(0)
    assert (day.deferred, day.returned, dict(day.scores)) == (1, 1, {7: 1})


def test_further_recipients_of_a_delivery_that_passed_do_not_wait() -> None:
    desk = Desk()
    desk.rcpt(rcpt=["one@b.example"])
    (passed,) = desk.rcpt(rcpt=["one@b.example"], after=100)
    found = desk.rcpt(SUSPICIOUS, passed, rcpt=["one@b.example", "two@b.example"])
    assert kinds(found) == ["GREYLIST_KNOWN"]
    assert kinds(desk.rcpt(rcpt=["two@b.example"])) == ["GREYLIST_KNOWN"]


def test_at_end_of_message_the_score_decides() -> None:
    assert kinds(Desk(points=3.9, at="eom").eom()) == []
    assert kinds(Desk(points=3.9, at="eom").rcpt()) == []
    desk = Desk(points=4.0, at="eom")
    assert kinds(desk.eom(rcpt=["a@b", "c@d"])) == ["GREYLIST_DEFERRED"]
    assert kinds(desk.eom(rcpt=["c@d"], after=95)) == ["GREYLIST_PASSED", "Note"]


def test_a_network_that_passed_is_no_stranger_any_more() -> None:
    desk = Desk(new_networks=True)
    nothing = Hit("SPF_NEUTRAL")
    assert kinds(desk.rcpt(nothing)) == ["GREYLIST_DEFERRED"]
    assert kinds(desk.rcpt(nothing, after=95)) == ["GREYLIST_PASSED"]
    found = desk.rcpt(nothing, mail_from="bob@c.example", rcpt=["x@b.example"])
    assert kinds(found) == ["GREYLIST_KNOWN"]
    assert kinds(desk.rcpt(SUSPICIOUS, mail_from="z@c.example")) == ["GREYLIST_DEFERRED"]


def test_after_some_passes_a_network_is_not_asked() -> None:
    desk = Desk(passes=2)
    for n in range(2):
        desk.rcpt(rcpt=[f"{n}@b.example"], after=3600)
        desk.rcpt(rcpt=[f"{n}@b.example"], after=95)
    assert desk.rcpt(rcpt=["new@b.example"]) == [
        Hit("GREYLIST_KNOWN", "192.0.2.0/24 passed 2 times")
    ]


def test_without_a_store_there_is_no_greylist() -> None:
    tx = a_transaction(stage=Stage.RCPT, evidence=[SUSPICIOUS])
    assert list(CHECK.run(tx, Settings(), Services(ask=no_dns, clock=FixedClock()))) == []


def test_every_standing_is_answered() -> None:
    assert {s for s in Standing if s.must_wait} == {Standing.FIRST, Standing.EARLY}

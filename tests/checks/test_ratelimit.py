"""Rate limits: slow, then later; never for what a greylist turned away."""

from __future__ import annotations

from typing import Any

import pytest

from filterd.checks.ratelimit import CHECK, Limit, Settings
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import Delay, Evidence, Hit, Proposal
from filterd.core.stage import Stage
from filterd.core.verdict import Action, Reply
from filterd.store.memory import MemoryState
from tests.support.builders import a_transaction, no_dns

TEN = Limit(messages=10, period=600)
GREYLISTED = Proposal(Action.GREYLIST, "GREYLIST_DEFERRED", Reply(451, "4.7.1", "later"))


class Desk:
    def __init__(self, **limits: Limit) -> None:
        chosen: dict[str, Any] = {"user": Limit(), "recipient": Limit(), **limits}
        self.settings = Settings(**chosen)
        self.clock = FixedClock()
        self.services = Services(ask=no_dns, clock=self.clock, rates=MemoryState())

    def rcpt(self, *seen: Evidence, **facts: Any) -> list[Evidence]:
        tx = a_transaction(stage=Stage.RCPT, evidence=seen, **facts)
        return list(CHECK.run(tx, self.settings, self.services))

    def eom(self, *seen: Evidence, **facts: Any) -> list[Evidence]:
        tx = a_transaction(evidence=seen, **facts)
        return list(CHECK.run(tx, self.settings, self.services))

    def free(self, **facts: Any) -> int:
        """How many more are let through now."""
        for n in range(1000):
            if any(isinstance(e, Proposal) for e in self.rcpt(**facts)):
                return n
        return 1000


@pytest.mark.parametrize(
    ("limits", "same", "other"),
    [
        ({"client": TEN}, {"client": "192.0.2.99"}, {"client": "192.0.3.1"}),
        ({"domain": TEN}, {"mail_from": "x@Example.org"}, {"mail_from": "x@other.example"}),
        ({"recipient": TEN}, {"mail_from": "x@y.example"}, {"rcpt": ["b@example.net"]}),
        (
            {"user": TEN},
            {"auth_user": "ann", "client": "203.0.113.1"},
            {"auth_user": "bob"},
        ),
    ],
    ids=["client", "domain", "recipient", "user"],
)
def test_what_shares_a_bucket(
    limits: dict[str, Limit], same: dict[str, Any], other: dict[str, Any]
) -> None:
    desk = Desk(**limits)
    first = {"auth_user": "ann"} if "user" in limits else {}
    assert desk.free(**first) == 10
    assert desk.free(**same) == 0
    assert desk.free(**other) == 10


def test_it_slows_down_before_it_defers() -> None:
    desk = Desk(client=TEN)
    answers = [desk.rcpt() for _ in range(11)]
    delays = [sum(e.seconds for e in a if isinstance(e, Delay)) for a in answers]
    assert delays[:8] == [0] * 8
    assert 0 < delays[8] < delays[9] <= 5
    (limited,) = [e for e in answers[10] if isinstance(e, Proposal)]
    assert (limited.action, limited.symbol) == (Action.TEMPFAIL, "RATE_LIMITED")
    assert str(limited.reply).startswith(
        "450 4.7.1 Too many messages (client), come back in 60 s"
    )


def test_the_bucket_leaks() -> None:
    desk = Desk(client=TEN)
    assert desk.free() == 10
    desk.clock.advance(180)
    assert desk.free() == 3


def test_a_burst_of_its_own() -> None:
    assert Desk(client=Limit(messages=3600, burst=5)).free() == 5


def test_what_is_deferred_costs_nobody_anything() -> None:
    desk = Desk(client=TEN, recipient=Limit(messages=100, period=600))
    desk.free()
    for _ in range(50):
        desk.rcpt()
    assert desk.free(client="198.51.100.1") == 10
    desk.clock.advance(600)
    assert desk.free() == 10


def test_a_greylisted_recipient_is_not_charged() -> None:
    desk = Desk(client=TEN)
    for _ in range(50):
        assert desk.rcpt(GREYLISTED) == []
    assert desk.free() == 10


def test_a_refused_recipient_is_not_charged() -> None:
    desk = Desk(recipient=TEN)
    denied = Proposal(Action.REJECT, "DENY_SENDER", Reply(550, "5.7.1", "no"))
    for _ in range(30):
        assert desk.rcpt(denied) == []
    assert desk.free() == 10


def test_a_message_greylisted_at_its_end_gets_its_charge_back() -> None:
    desk = Desk(client=TEN)
    for _ in range(50):
        desk.rcpt(rcpt=["a@b", "c@d"])
        desk.rcpt(rcpt=["c@d"])
        desk.eom(GREYLISTED, rcpt=["a@b", "c@d"])
    assert desk.free() == 10


@pytest.mark.parametrize("symbol", ["ALLOW_CLIENT", "CORRESPONDENT_KNOWN"])
def test_good_senders_have_no_limit(symbol: str) -> None:
    desk = Desk(client=TEN)
    assert all(desk.rcpt(Hit(symbol)) == [] for _ in range(30))


def test_local_clients_have_no_limit() -> None:
    assert Desk(client=TEN, domain=TEN, recipient=TEN).free(is_local=True) == 1000


def test_shipped_limits_leave_normal_mail_alone() -> None:
    services = Services(ask=no_dns, clock=FixedClock(), rates=MemoryState())
    for n in range(400):
        tx = a_transaction(stage=Stage.RCPT, rcpt=[f"u{n % 7}@b.example"])
        assert list(CHECK.run(tx, Settings(), services)) == []

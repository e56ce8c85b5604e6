"""Who we write to may write back; it fades, and a name alone earns nothing."""

from __future__ import annotations

from typing import Any

import pytest

from filterd.checks.correspondent import CHECK, Settings
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult, Evidence, Hit, Property
from filterd.core.stage import Stage
from filterd.store.memory import MemoryState
from tests.support.builders import a_transaction, no_dns

US, THEM = "me@b.example", "ann@a.example"
PROOF = AuthResult("spf", "pass", properties=(Property("smtp", "mailfrom", "a.example"),))
DMARC = AuthResult("dmarc", "pass", properties=(Property("header", "from", "a.example"),))


class Desk:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.services = Services(ask=no_dns, clock=self.clock, correspondents=MemoryState())

    def we_send(self, message_id: str = "<1@b.example>", **facts: Any) -> None:
        who = {"auth_user": "me"} if not facts.get("is_local") else {}
        found = self.run(
            Stage.EOM,
            mail_from=US,
            rcpt=[THEM],
            message=f"From: {US}\nMessage-ID: {message_id}\n\nhi\n",
            **who,
            **facts,
        )
        assert found == []

    def rcpt(self, *seen: Evidence, **facts: Any) -> list[Evidence]:
        return self.run(Stage.RCPT, *seen, **{"mail_from": THEM, "rcpt": [US], **facts})

    def eom(self, *seen: Evidence, field: str = "X: y", **facts: Any) -> list[Evidence]:
        author = facts.pop("author", THEM)
        return self.run(
            Stage.EOM,
            *seen,
            **{
                "mail_from": THEM,
                "rcpt": [US],
                "message": f"From: {author}\n{field}\n\nhi\n",
                **facts,
            },
        )

    def run(self, stage: Stage, *seen: Evidence, **facts: Any) -> list[Evidence]:
        rcpt = facts.pop("rcpt")
        tx = a_transaction(stage=stage, evidence=seen, rcpt=rcpt, **facts)
        if stage is Stage.RCPT:
            tx.envelope = type(tx.envelope)(tx.envelope.reverse_path, ())
        return list(CHECK.run(tx, Settings(), self.services))


def symbols(found: list[Evidence]) -> list[str]:
    return [e.symbol for e in found if isinstance(e, Hit)]


@pytest.mark.parametrize("facts", [{}, {"is_local": True}], ids=["authenticated", "local"])
def test_a_proven_sender_we_wrote_to_is_known(facts: dict[str, Any]) -> None:
    desk = Desk()
    assert desk.rcpt(PROOF) == []
    desk.we_send(**facts)
    assert symbols(desk.rcpt(PROOF)) == ["CORRESPONDENT_KNOWN"]
    assert desk.rcpt(PROOF, rcpt=["other@b.example"]) == []
    assert desk.rcpt(PROOF, mail_from="bob@a.example") == []


def test_without_proof_it_is_a_claim_that_dmarc_can_prove() -> None:
    desk = Desk()
    desk.we_send()
    (claim,) = desk.rcpt()
    assert symbols([claim]) == ["CORRESPONDENT_CLAIMED"]
    assert desk.eom(claim) == []
    assert symbols(desk.eom(claim, DMARC)) == ["CORRESPONDENT_KNOWN"]


def test_the_author_counts_where_the_reverse_path_is_another() -> None:
    desk = Desk()
    desk.we_send()
    found = desk.eom(DMARC, mail_from="bounce-4711@mailer.example")
    assert symbols(found) == ["CORRESPONDENT_KNOWN"]


def test_it_fades_and_is_forgotten() -> None:
    desk = Desk()
    desk.we_send()
    weights = []
    for _ in range(4):
        (hit,) = desk.rcpt(PROOF)
        assert isinstance(hit, Hit)
        weights.append(hit.weight)
        desk.clock.advance(45 * 86400)
    assert weights == [1.0, 0.5, 0.25, 0.125]
    assert desk.rcpt(PROOF) == []


@pytest.mark.parametrize(
    "field",
    [
        "In-Reply-To: <1@b.example>",
        "References: <x@y> <1@b.example> <z@y>",
        "In-Reply-To: Your mail of today\n <1@b.example> (hi)",
    ],
)
def test_an_answer_to_our_message_is_a_reply(field: str) -> None:
    desk = Desk()
    desk.we_send()
    found = desk.eom(field=field, mail_from="new@c.example", author="new@c.example")
    assert symbols(found) == ["CORRESPONDENT_REPLY"]


def test_an_answer_to_somebody_else_is_none() -> None:
    desk = Desk()
    desk.we_send()
    stranger = {"mail_from": "x@c.example", "author": "x@c.example"}
    assert desk.eom(field="In-Reply-To: <2@b.example>", **stranger) == []


def test_a_thousand_references_cost_one_bounded_question() -> None:
    desk = Desk()
    asked: list[int] = []
    store = desk.services.correspondents
    assert store is not None
    real = store.last_sent

    def counting(keys: Any, now: float) -> Any:
        asked.append(len(keys))
        return real(keys, now)

    store.last_sent = counting  # type: ignore[method-assign]
    references = "\n ".join(f"<{n}@x>" for n in range(1000))
    desk.eom(field=f"References: {references}")
    assert asked == [20]


def test_mail_from_outside_teaches_nothing() -> None:
    desk = Desk()
    desk.eom(mail_from=US, rcpt=[THEM])
    assert desk.rcpt(PROOF) == []

"""From a transaction and its verdict to what is remembered."""

from __future__ import annotations

from filterd.core.history import MAX_RECIPIENTS, MAX_SUBJECT, remember
from filterd.core.stage import Stage
from filterd.core.verdict import Action, Reply, ScoredHit, Verdict
from tests.support.builders import a_transaction

VERDICT = Verdict(
    Action.REJECT,
    16.5,
    "WHY1",
    Reply(550, "5.7.1", "no"),
    (ScoredHit("X", 16.5, "because"),),
    decisive="score 16.50 >= reject 15",
    thresholds=(("tag", 6.0),),
)
NOW = 1_790_000_000.0


def test_everything_why_needs_is_there() -> None:
    tx = a_transaction(
        client="192.0.2.1",
        client_name="mx.a.example",
        helo="mx.a.example",
        mail_from="bounce@a.example",
        rcpt=["b@b.example"],
        message="From: Ann <ann@a.example>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nhi\n",
    )
    record = remember(tx, VERDICT, NOW, subject=True, facts={"model": "m"})
    assert (record.why_id, record.queue_id, record.at) == ("WHY1", "4Test", NOW)
    assert (record.client, record.client_name, record.helo) == (
        "192.0.2.1",
        "mx.a.example",
        "mx.a.example",
    )
    assert (record.sender, record.author, record.recipients) == (
        "bounce@a.example",
        "ann@a.example",
        ("b@b.example",),
    )
    assert (record.hits, record.decisive, record.reply) == (
        VERDICT.hits,
        VERDICT.decisive,
        VERDICT.reply,
    )
    assert (record.subject, record.facts) == ("Grüße", {"model": "m"})


def test_the_subject_is_private_unless_asked_for() -> None:
    tx = a_transaction(message="From: a@b\nSubject: secret\n\nhi\n")
    assert remember(tx, VERDICT, NOW).subject == ""


def test_a_refusal_at_rcpt_has_its_recipient_and_no_author() -> None:
    tx = a_transaction(stage=Stage.RCPT, rcpt=["b@b.example"], message="X: y\n\n")
    tx.envelope = type(tx.envelope)(tx.envelope.reverse_path, ())
    record = remember(tx, VERDICT, NOW)
    assert (record.recipients, record.author) == (("b@b.example",), "")


def test_what_is_long_is_cut() -> None:
    tx = a_transaction(
        rcpt=[f"{n}@b.example" for n in range(500)],
        helo="h" * 5000,
        mail_from="a" * 5000 + "@b",
        message=f"From: a@b\nSubject: {'s' * 500}\n\nhi\n",
    )
    record = remember(tx, VERDICT, NOW, subject=True)
    assert (len(record.recipients), record.recipient_count) == (MAX_RECIPIENTS, 500)
    assert len(record.helo) == 255
    assert len(record.sender) == 320
    assert len(record.subject) == MAX_SUBJECT

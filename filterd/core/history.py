"""history - one verdict as it is remembered: everything `why` needs, nothing of the body.

Owns:   VerdictRecord, VerdictQuery, remember (transaction + verdict -> record).
Not here: how it is packed and kept (store.record, store.archive), how it is told (frontends.cli.why).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from filterd.core.transaction import Transaction
from filterd.core.verdict import Action, Reply, ScoredHit, Span, Verdict
from filterd.mail.authres import AuthResult

MAX_RECIPIENTS = 20  # kept by name; the rest only counted
MAX_SUBJECT = 80  # characters


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """One verdict. Addresses are as in the envelope, or hashed where the admin wants that."""

    why_id: str
    at: float  # seconds since the epoch
    action: Action
    score: float
    queue_id: str = ""
    stage: str = "eom"
    would: Action | None = None
    decisive: str = ""
    profile: str = "default"
    thresholds: tuple[tuple[str, float], ...] = ()
    reply: Reply | None = None
    client: str = ""
    client_name: str = ""
    helo: str = ""
    tls: str = ""
    auth_user: str = ""
    sender: str = ""  # reverse-path, "" for null
    recipients: tuple[str, ...] = ()  # the first MAX_RECIPIENTS
    recipient_count: int = 0
    author: str = ""  # address of the first From mailbox
    subject: str = ""  # "" unless the admin has it kept
    size: int = 0  # bytes
    hits: tuple[ScoredHit, ...] = ()
    auth_results: tuple[AuthResult, ...] = ()
    failures: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    milliseconds: float = 0.0
    delayed: float = 0.0
    facts: Mapping[str, str] = field(default_factory=dict)  # what else replay needs, short


@dataclass(frozen=True, slots=True)
class VerdictQuery:
    """What to look for; every given field must match. An address or "@domain", any case."""

    sender: str = ""  # reverse-path or author: "ann@a.example" or "@a.example"
    recipient: str = ""
    client: str = ""  # one address
    symbol: str = ""
    action: Action | None = None
    since: float = 0.0
    until: float = float("inf")
    limit: int = 100


def _with_members(hits: tuple[ScoredHit, ...]) -> tuple[ScoredHit, ...]:
    """The hits; a cap names the members of its group, since a record keeps no groups."""
    return tuple(
        cap._replace(
            parts=tuple(
                (h.symbol, h.points) for h in hits if h.group == cap.group and h.points > 0
            ),
        )
        if cap.symbol == "GROUP_CAP"
        else cap
        for cap in hits
    )


def remember(
    tx: Transaction,
    verdict: Verdict,
    now: float,
    *,
    subject: bool = False,
    facts: Mapping[str, str] | None = None,
) -> VerdictRecord:
    """The record of that verdict; texts are cut to what `why` shows."""
    session, envelope = tx.session, tx.envelope
    recipients = envelope.recipients or ((tx.recipient,) if tx.recipient else ())
    author = ""
    if "from" in tx.message.header:
        mailboxes = tx.message.author.mailboxes
        author = mailboxes[0].address if mailboxes else ""
    return VerdictRecord(
        why_id=verdict.why_id,
        at=now,
        action=verdict.action,
        score=verdict.score,
        queue_id=envelope.queue_id,
        stage=verdict.stage,
        would=verdict.would,
        decisive=verdict.decisive,
        profile=verdict.profile,
        thresholds=verdict.thresholds,
        reply=verdict.reply,
        client=str(session.client) if session.client is not None else "",
        client_name=session.client_name[:255],
        helo=session.helo[:255],
        tls=session.tls[:20],
        auth_user=session.auth_user[:255],
        sender=envelope.reverse_path[:320],
        recipients=tuple(recipient[:320] for recipient in recipients[:MAX_RECIPIENTS]),
        recipient_count=len(recipients),
        author=author[:320],
        subject=tx.message.subject[:MAX_SUBJECT] if subject else "",
        size=tx.message.size,
        hits=_with_members(verdict.hits),
        auth_results=verdict.auth_results,
        failures=verdict.failures,
        marks=verdict.marks,
        spans=verdict.spans,
        milliseconds=verdict.milliseconds,
        delayed=verdict.delayed,
        facts=facts or {},
    )

"""Small makers of facts for tests; a builder may build, never assert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.clock import Clock, FixedClock
from filterd.core.evidence import Evidence
from filterd.core.lookup import Answer, Ask, Question, Status
from filterd.core.stage import Stage
from filterd.core.transaction import Envelope, Session, Transaction, client_address
from filterd.mail.message import Message


def a_message(raw: bytes | str) -> Message:
    data = raw.encode() if isinstance(raw, str) else raw
    return Message.from_bytes(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def a_transaction(
    *,
    client: str = "192.0.2.1",
    client_name: str = "",
    helo: str = "mail.example.org",
    mail_from: str = "sender@example.org",
    rcpt: Sequence[str] = ("user@example.net",),
    message: bytes | str = b"From: sender@example.org\r\nSubject: hello\r\n\r\nhello\r\n",
    auth_user: str = "",
    stage: Stage = Stage.EOM,
    evidence: Iterable[Evidence] = (),
    **session: Any,
) -> Transaction:
    return Transaction(
        session=Session(
            client=client_address(client),
            client_name=client_name,
            helo=helo,
            auth_user=auth_user,
            **session,
        ),
        envelope=Envelope(reverse_path=mail_from, recipients=tuple(rcpt), queue_id="4Test"),
        message=a_message(message),
        stage=stage,
        recipient=rcpt[-1] if rcpt and stage is Stage.RCPT else "",
        evidence=list(evidence),
        why_id="TESTID",
    )


def no_dns(_question: Question) -> Answer:
    return Answer(Status.NXDOMAIN)


def evidence(
    check: Check,
    tx: Transaction,
    *,
    ask: Ask = no_dns,
    settings: CheckSettings | None = None,
    clock: Clock | None = None,
    services: Services | None = None,
    **stores: Any,
) -> list[Evidence]:
    """What the check says of the transaction."""
    used = services or Services(ask=ask, clock=clock or FixedClock())
    used = used._replace(**stores) if stores else used
    return list(check.run(tx, settings or check.settings(), used))

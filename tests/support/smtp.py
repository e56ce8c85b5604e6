"""smtp - one SMTP dialogue with every reply kept, from whatever client a test pretends to be.

Owns:   Client (who is speaking), Sent (what the MTA answered), send, send_all.
Not here: the MTA (deploy/demo/postfix.py, tests/support/sendmail.py).
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Client:
    """The pretended SMTP client, by XCLIENT; None of it is sent to an MTA without XCLIENT."""

    address: str = "192.0.2.1"
    name: str = "mail.example.org"
    helo: str = "mail.example.org"
    login: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply: code, and text with its lines joined by newlines."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The RFC 3463 code at the start of the text, or nothing."""
        word = self.text.partition(" ")[0]
        return word if word.count(".") == 2 else ""


@dataclass(frozen=True, slots=True)
class Sent:
    """Every reply of one transaction; `end` is None when no recipient was left to send to."""

    mail: Reply
    rcpt: tuple[Reply, ...]
    end: Reply | None

    @property
    def accepted(self) -> bool:
        """True when the MTA took responsibility for the message."""
        return self.end is not None and self.end.code == 250

    @property
    def final(self) -> Reply:
        """The reply that decided: the last one given."""
        if self.end is not None:
            return self.end
        return self.rcpt[-1] if self.rcpt else self.mail


def dial(port: int, client: Client | None = None) -> smtplib.SMTP:
    """An open session past EHLO, after XCLIENT if a client is given.

    Raises smtplib.SMTPResponseException if the MTA refuses the connection or the greeting.
    """
    session = smtplib.SMTP(timeout=SECONDS)
    _expect(session.connect("127.0.0.1", port))
    if client is not None:
        session.ehlo("localhost")
        words = [f"ADDR={_literal(client.address)}", f"NAME={client.name}"]
        if client.login is not None:
            words.append(f"LOGIN={client.login}")
        _expect(session.docmd("XCLIENT", " ".join(words)))
    _expect(session.ehlo(client.helo if client is not None else "localhost"))
    return session


def transact(
    session: smtplib.SMTP, content: bytes, reverse_path: str, recipients: Sequence[str]
) -> Sent:
    """One transaction in an open session; the session is left ready for the next."""
    mail = _reply(session.docmd("MAIL", f"FROM:<{reverse_path}>"))
    if mail.code != 250:
        return Sent(mail, (), None)
    rcpt = tuple(_reply(session.docmd("RCPT", f"TO:<{one}>")) for one in recipients)
    if not any(reply.code == 250 for reply in rcpt):
        session.docmd("RSET")
        return Sent(mail, rcpt, None)
    try:
        end = _reply(session.data(content))
    except smtplib.SMTPDataError as refused:  # DATA itself was answered with 4xx or 5xx
        end = _reply((refused.smtp_code, refused.smtp_error))
    return Sent(mail, rcpt, end)


def send(
    port: int,
    content: bytes,
    *,
    reverse_path: str = "sender@example.org",
    recipients: Sequence[str] = ("user@example.net",),
    client: Client | None = None,
) -> Sent:
    """One message in a session of its own."""
    session = dial(port, client)
    try:
        return transact(session, content, reverse_path, recipients)
    finally:
        session.close()


def send_all(
    port: int,
    contents: Iterable[bytes],
    *,
    reverse_path: str = "sender@example.org",
    recipients: Sequence[str] = ("user@example.net",),
    client: Client | None = None,
) -> list[Sent]:
    """Several messages in one session."""
    session = dial(port, client)
    try:
        return [transact(session, one, reverse_path, recipients) for one in contents]
    finally:
        session.close()


def _literal(address: str) -> str:
    return f"IPV6:{address}" if ":" in address else address


def _reply(answer: tuple[int, bytes | str]) -> Reply:
    code, text = answer
    return Reply(code, text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def _expect(answer: tuple[int, bytes | str]) -> None:
    reply = _reply(answer)
    if reply.code not in {220, 250}:
        raise smtplib.SMTPResponseException(reply.code, reply.text)

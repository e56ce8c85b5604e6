"""bounce - delivery reports and automatic answers, and those about mail we never sent.

Owns:   symbols BOUNCE, BOUNCE_FOREIGN, AUTO_REPLY, CHALLENGE.
Asks:   nothing.
Not here: Message-IDs of our own mail (checks.correspondent).

A report (RFC 3464) returns the message that failed. If none of the servers in it is one of ours and its
author is not in a domain of ours, somebody forged our address: backscatter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.header import Header, split
from filterd.mail.message import Message

_DAEMON = re.compile(
    r"mailer-daemon|postmaster|mail[ ._-]?delivery|mail[ ._-]?system", re.IGNORECASE
)
_SUBJECT = re.compile(
    r"undeliver|returned mail|delivery (?:status|failure|notification|has failed)|mail delivery failed"
    r"|failure notice|non[- ]?remis|unzustellbar|could not be delivered",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"confirm (?:that )?you|verification required|please verify|challenge|spam ?arrest|boxbe",
    re.IGNORECASE,
)


class Settings(CheckSettings):
    """Who we are, to know a report about somebody else's mail."""

    own_servers: tuple[str, ...] = Field(
        default=(), description="Domains in Received fields of mail that we send."
    )


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Whether this is a report or an automatic answer, and about what."""
    message = tx.message
    header = message.header
    if _is_bounce(tx, message):
        yield Hit("BOUNCE", message.subject[:80])
        yield from _foreign(tx, message, settings)
        return
    automatic = header.value("auto-submitted", "no").lower()
    if not automatic.startswith("no") or header.value("precedence").lower() == "auto_reply":
        yield Hit("AUTO_REPLY", automatic[:60])
        if _CHALLENGE.search(message.subject) is not None:
            yield Hit("CHALLENGE", message.subject[:80])


def _is_bounce(tx: Transaction, message: Message) -> bool:
    root = message.parts[0]
    if root.content_type == "multipart/report":
        return root.params.get("report-type", "").lower() in {"delivery-status", ""}
    if tx.envelope.reverse_path:
        return False
    author = message.author
    local = author.mailboxes[0].local if author.mailboxes else ""
    return _DAEMON.search(local) is not None or _SUBJECT.search(message.subject) is not None


def _foreign(tx: Transaction, message: Message, settings: Settings) -> Iterator[Hit]:
    """The returned message, if it is there, against what we are."""
    returned = _returned(message)
    if returned is None or not settings.own_servers:
        return
    ours = frozenset(name.lower() for name in settings.own_servers)
    text = " ".join(field.value.lower() for field in returned.all("received"))
    if not text or any(name in text for name in ours):
        return
    yield Hit("BOUNCE_FOREIGN", returned.value("message-id")[:100])


def _returned(message: Message) -> Header | None:
    for part in message.parts[1:]:
        parent = message.parts[part.parent] if part.parent is not None else None
        if parent is not None and parent.content_type == "message/rfc822":
            return part.header
        if part.content_type == "text/rfc822-headers":
            return split(part.decoded[:100_000], 200, 100_000)[0]
    return None


CHECK = Check(
    name="bounce",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=("BOUNCE", "BOUNCE_FOREIGN", "AUTO_REPLY", "CHALLENGE"),
)

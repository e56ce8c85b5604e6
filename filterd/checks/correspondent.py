"""correspondent - whom our own people write to may write back.

Owns:   symbols CORRESPONDENT_KNOWN, CORRESPONDENT_CLAIMED, CORRESPONDENT_REPLY.
Asks:   the correspondent store: one fact a recipient at RCPT, announced, at most one call more at EOM.
Not here: who is exempt because of it (greylist, tarpit, ratelimit name the symbols).

Mail from authenticated or local clients teaches: each (sender, recipient) pair and the Message-ID, as
hashes. Mail from outside is known when its recipient wrote to its sender, or when it answers a
Message-ID of ours. Both fade with a half-life. A sender's name alone is only a claim: it saves a delay,
points need SPF or DMARC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.settings import Duration
from filterd.core.stage import Stage
from filterd.core.stores import CorrespondentStore, Fact
from filterd.core.transaction import Transaction
from filterd.mail.domain import organizational
from filterd.store import keys

KNOWN = "CORRESPONDENT_KNOWN"
CLAIMED = "CORRESPONDENT_CLAIMED"
REPLY = "CORRESPONDENT_REPLY"

MAX_PAIRS = 50  # recipients of one outbound message that are remembered
MAX_ASKED = 5  # recipients of one inbound message that are asked about
MAX_REFERENCES = 20  # Message-IDs of In-Reply-To and References looked up, the newest ones
_ID = re.compile(r"<([^<>\s]{1,250})>")


class Settings(CheckSettings):
    """How long a correspondence is remembered."""

    half_life: Duration = Field(
        default=45 * 86400.0,
        ge=3600,
        description="After this long without a word from us a correspondent counts half.",
    )
    expiry: Duration = Field(
        default=180 * 86400.0, ge=86400, description="After this long it is forgotten."
    )


def facts(tx: Transaction, settings: Settings) -> Iterable[Fact]:
    """At RCPT: whether this recipient wrote to the sender."""
    del settings
    if _is_asked(tx):
        yield ("correspondent", keys.pair(tx.recipient, tx.envelope.reverse_path))


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Learn from our own mail (EOM); know who writes to us (RCPT), and answers to us (EOM)."""
    store = services.correspondents
    if store is None:
        return
    now = services.clock.now()
    if tx.stage is Stage.RCPT:
        if _is_asked(tx):
            yield from _known(tx, settings, store, now)
    elif _is_ours(tx):
        _learn(tx, settings, store, now)
    else:
        yield from _answers(tx, settings, store, now)


def _is_ours(tx: Transaction) -> bool:
    return tx.session.is_authenticated or tx.session.is_local


def _is_asked(tx: Transaction) -> bool:
    """Whether to look for the pair of the sender and this recipient: not once one is known."""
    envelope = tx.envelope
    return (
        bool(envelope.reverse_path)
        and len(envelope.recipients) < MAX_ASKED
        and not _is_ours(tx)
        and not tx.has_hit((KNOWN, CLAIMED))
    )


def _learn(tx: Transaction, settings: Settings, store: CorrespondentStore, now: float) -> None:
    sender = tx.envelope.reverse_path
    if not sender:
        return
    learned = [keys.pair(sender, r) for r in tx.envelope.recipients[:MAX_PAIRS]]
    field = tx.message.header.first("message-id")
    if field is not None and (match := _ID.search(field.value)) is not None:
        learned.append(keys.message_id(match.group(1)))
    if learned:
        store.sent(learned, now, settings.expiry)


def _known(
    tx: Transaction, settings: Settings, store: CorrespondentStore, now: float
) -> Iterator[Evidence]:
    ours, theirs = tx.recipient, tx.envelope.reverse_path
    (last,) = store.last_sent([keys.pair(ours, theirs)], now)
    if last:
        yield _told(tx, settings, now, last, ours, theirs)


def _told(
    tx: Transaction, settings: Settings, now: float, last: float, ours: str, theirs: str
) -> Hit:
    detail = f"{ours} wrote to {theirs} {_days(now - last)} ago"
    if _is_proven(tx, theirs.rpartition("@")[2]):
        return Hit(KNOWN, detail, _weight(now - last, settings))
    return Hit(CLAIMED, detail)


def _answers(
    tx: Transaction, settings: Settings, store: CorrespondentStore, now: float
) -> Iterator[Evidence]:
    """At EOM: replies to our Message-IDs, authors other than the reverse-path, claims now proven."""
    found = _ids(tx)
    recipients = tx.envelope.recipients[:MAX_ASKED]
    path = tx.envelope.reverse_path
    pairs: list[tuple[str, str]] = []
    claimed = tx.hit(CLAIMED)
    if tx.hit(KNOWN) is None:
        if claimed is not None and _is_proven(tx, tx.envelope.domain):
            pairs = [(ours, path) for ours in recipients]
        elif claimed is None:
            authors = (m.address for m in tx.message.author.mailboxes[:1])
            pairs = [(o, a) for a in authors if a.lower() != path.lower() for o in recipients]
    if not found and not pairs:
        return
    times = store.last_sent(
        [*(keys.message_id(text) for text in found), *(keys.pair(*pair) for pair in pairs)],
        now,
    )
    replied = max(times[: len(found)], default=0.0)
    if replied:
        yield Hit(
            REPLY,
            f"to our mail of {_days(now - replied)} ago",
            _weight(now - replied, settings),
        )
    last = max(times[len(found) :], default=0.0)
    if last:
        ours, theirs = pairs[list(times[len(found) :]).index(last)]
        hit = _told(tx, settings, now, last, ours, theirs)
        if hit.symbol == KNOWN or claimed is None:
            yield hit


def _ids(tx: Transaction) -> list[str]:
    text = " ".join(
        tx.message.header.value(name)[-4000:] for name in ("references", "in-reply-to")
    )
    return list(dict.fromkeys(reversed(_ID.findall(text))))[:MAX_REFERENCES]


def _is_proven(tx: Transaction, domain: str) -> bool:
    """Whether SPF, DMARC or a signature passed for a domain aligned with the correspondent's."""
    wanted = organizational(domain.lower())
    proofs = (("spf", "smtp.mailfrom"), ("dmarc", "header.from"), ("dkim", "header.d"))
    return any(
        organizational(result.get(name).rpartition("@")[2].lower()) == wanted
        for method, name in proofs
        for result in tx.auth(method)
        if result.result == "pass" and result.get(name)
    )


def _weight(age: float, settings: Settings) -> float:
    return round(math.exp2(-max(0.0, age) / settings.half_life), 3)


def _days(seconds: float) -> str:
    return f"{seconds / 86400:.0f} days" if seconds >= 172800 else f"{seconds / 3600:.0f} hours"


CHECK = Check(
    name="correspondent",
    stage=Stage.RCPT,
    facts=facts,
    run=run,
    settings=Settings,
    symbols=(KNOWN, CLAIMED, REPLY),
    after=("spf", "dkim", "dmarc"),
    runs=frozenset({Stage.RCPT, Stage.EOM}),
)

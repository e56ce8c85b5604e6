"""allow - what the admin's lists say of client, reverse-path and author; deny lists and allow lists.

Owns:   symbols ALLOW_*, DENY_*.
Asks:   the list files (store.listfile), which are read again by themselves.
Not here: DNS lists (checks.dnsbl), traps (checks.trap).

Rules of this file:
1. A name can be forged. An allow entry for a domain or an address holds only when SPF, DKIM or DMARC
   proves a domain aligned with the one that matched, or when the admin wrote `unsafe` behind it.
2. A network cannot be forged (TCP): its entry always holds.
3. Deny needs no proof, and an allow entry that holds wins over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit, Proposal
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.core.verdict import Action, Reply
from filterd.mail.domain import organizational
from filterd.store.listfile import AdminList, Entry, lists, mistakes

ALLOW_CLIENT = "ALLOW_CLIENT"
ALLOW_SENDER = "ALLOW_SENDER"
ALLOW_UNPROVEN = "ALLOW_UNPROVEN"
DENY_CLIENT = "DENY_CLIENT"
DENY_SENDER = "DENY_SENDER"

MAX_AUTHORS = 5  # From mailboxes looked up


class Settings(CheckSettings):
    """Files with one network, domain or address a line (deploy/README.md, "Lists you keep")."""

    allow_files: tuple[str, ...] = Field(
        default=(), description="Files of clients and senders whose mail is wanted."
    )
    deny_files: tuple[str, ...] = Field(
        default=(), description="Files of clients and senders whose mail is not wanted."
    )
    allow: Literal["accept", "score"] = Field(
        default="accept",
        description="accept: what an allow list vouches for is never refused, deferred or tagged."
        " score: only the score of ALLOW_CLIENT or ALLOW_SENDER counts.",
    )
    deny: Literal["reject", "score"] = Field(
        default="reject",
        description="reject: refuse at RCPT (or at end-of-message for authors). score: only the score"
        " of DENY_CLIENT or DENY_SENDER counts.",
    )

    def warnings(self) -> Iterable[str]:
        for text in mistakes(self.allow_files, is_allow=True):
            yield f"allow_files: {text}"
        for text in mistakes(self.deny_files):
            yield f"deny_files: {text}"


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """At RCPT by client and reverse-path; at EOM also by author, and with every proof there is."""
    now = services.clock.monotonic()
    allowed = lists(settings.allow_files, now, is_allow=True)
    denied = lists(settings.deny_files, now)
    if not allowed and not denied:
        return
    if tx.hit(ALLOW_CLIENT) or tx.hit(ALLOW_SENDER):  # found at an earlier recipient
        symbol = ALLOW_CLIENT if tx.hit(ALLOW_CLIENT) else ALLOW_SENDER
        yield from _accept(tx, settings, symbol)
        return
    hit = _vouched(tx, allowed)
    if hit is not None:
        yield hit
    if hit is not None and hit.symbol != ALLOW_UNPROVEN:
        yield from _accept(tx, settings, hit.symbol)
    else:
        yield from _refused(tx, settings, denied)


def _vouched(tx: Transaction, allowed: Iterable[AdminList]) -> Hit | None:
    """The first allow entry that holds; at EOM, failing that, one that matched without proof."""
    unproven: Entry | None = None
    for one in allowed:
        client = tx.session.client
        if client is not None and (entry := one.client(client)) is not None:
            return Hit(ALLOW_CLIENT, _why(entry))
        for address in _senders(tx):
            entry = one.address(address)
            if entry is None:
                continue
            if entry.is_unsafe or _is_proven(tx, address.rpartition("@")[2]):
                return Hit(ALLOW_SENDER, _why(entry))
            unproven = unproven or entry
    if unproven is not None and tx.stage is Stage.EOM:
        return Hit(ALLOW_UNPROVEN, _why(unproven))
    return None


def _refused(
    tx: Transaction, settings: Settings, denied: Iterable[AdminList]
) -> Iterator[Evidence]:
    for one in denied:
        client = tx.session.client
        found = one.client(client) if client is not None else None
        symbol, who = DENY_CLIENT, str(client)
        if found is None:
            symbol = DENY_SENDER
            for who in _senders(tx):
                if (found := one.address(who)) is not None:
                    break
        if found is not None:
            if tx.hit(symbol) is None:
                yield Hit(symbol, _why(found))
            if settings.deny == "reject":
                text = "The client" if symbol == DENY_CLIENT else "The sender"
                reply = Reply(550, "5.7.1", f"{text} is on a deny list of this site")
                yield Proposal(Action.REJECT, symbol, reply, _why(found))
            return


def _accept(tx: Transaction, settings: Settings, symbol: str) -> Iterator[Evidence]:
    """What decides the message is said once, at its end; at RCPT the symbol exempts already."""
    if settings.allow == "accept" and tx.stage is Stage.EOM:
        yield Proposal(Action.ACCEPT, symbol, Reply(250, "2.0.0", "Allowed"))


def _senders(tx: Transaction) -> Iterator[str]:
    """Reverse-path, then (once they are known) the authors."""
    if tx.envelope.reverse_path:
        yield tx.envelope.reverse_path
    if tx.stage is Stage.EOM:
        for mailbox in tx.message.author.mailboxes[:MAX_AUTHORS]:
            yield mailbox.address


def _is_proven(tx: Transaction, domain: str) -> bool:
    """Whether a method passed for a domain aligned (relaxed) with that one."""
    wanted = organizational(domain.lower())
    for method, names in (
        ("spf", ("smtp.mailfrom",)),
        ("dkim", ("header.d", "header.i")),
        ("dmarc", ("header.from",)),
    ):
        for result in tx.auth(method):
            if result.result != "pass":
                continue
            for name in names:
                value = result.get(name).rpartition("@")[2].lower()
                if value and organizational(value) == wanted:
                    return True
    return False


def _why(entry: Entry) -> str:
    return f"{entry.text} ({entry.place})"


CHECK = Check(
    name="allow",
    stage=Stage.RCPT,
    run=run,
    settings=Settings,
    symbols=(ALLOW_CLIENT, ALLOW_SENDER, ALLOW_UNPROVEN, DENY_CLIENT, DENY_SENDER),
    after=("spf", "dkim", "dmarc"),
    runs=frozenset({Stage.RCPT, Stage.EOM}),
)

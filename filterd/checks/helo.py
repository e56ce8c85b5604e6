"""helo - is the name with which the client greets a name at all, and its own (RFC 5321 4.1.1.1)?

Owns:   symbols HELO_*; one at most, the worst.
Asks:   the address of the name at HELO, A and then AAAA.
Not here: SPF of the HELO identity (checks.spf), DNS lists (checks.domainlist).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.lookup import Answer, Asked, Lead, Question, RRType, Status, question
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction, client_address
from filterd.mail.domain import to_alabel

EMPTY = "HELO_EMPTY"
OURS = "HELO_OURS"
RECIPIENT = "HELO_RECIPIENT"
LOCALHOST = "HELO_LOCALHOST"
BARE_ADDRESS = "HELO_BARE_ADDRESS"
LITERAL = "HELO_LITERAL"
LITERAL_FALSE = "HELO_LITERAL_FALSE"
INVALID = "HELO_INVALID"
BARE_WORD = "HELO_BARE_WORD"
UNRESOLVABLE = "HELO_UNRESOLVABLE"

_LOCAL = frozenset({"localhost", "localhost.localdomain", "localdomain", "local"})
_HOST = re.compile(r"[0-9a-z](?:[0-9a-z_.-]*[0-9a-z])?\.?\Z")


class Settings(CheckSettings):
    """`[checks.helo]`."""

    own_names: tuple[str, ...] = Field(
        default=(),
        description="Names of this host beside the MTA's own; a stranger that greets with one lies.",
    )


def _name(helo: str) -> str | None:
    """The name in A-labels if it is one that can be looked up, with a dot in it."""
    name = to_alabel(helo)
    return name if name is not None and "." in name and not name[-1].isdigit() else None


def questions(tx: Transaction, settings: Settings) -> Iterable[Asked]:
    """The IPv4 address of the name, and the IPv6 address where it has none."""
    del settings
    name = _name(tx.session.helo) if _is_judged(tx) else None
    if name is None:
        return ()

    def follow(answer: Answer) -> Iterable[Question]:
        return [question(name, RRType.AAAA)] if answer.status is Status.NODATA else []

    return [Lead(question(name, RRType.A), follow)]


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """The worst that can be said of the name; nothing of our own clients'."""
    if not _is_judged(tx):
        return
    helo = tx.session.helo
    symbol = _by_looks(tx, helo, settings)
    if symbol is None and (name := _name(helo)) is not None and _is_nowhere(name, services):
        symbol = UNRESOLVABLE
    if symbol is not None:
        yield Hit(symbol, helo)


def _is_judged(tx: Transaction) -> bool:
    session = tx.session
    return session.client is not None and not session.is_local and not session.is_authenticated


def _by_looks(tx: Transaction, helo: str, settings: Settings) -> str | None:
    """What needs no question."""
    name = helo.lower().rstrip(".")
    if not name:
        return EMPTY
    if name.startswith("[") and name.endswith("]"):
        literal = client_address(helo[1:-1].removeprefix("IPv6:").removeprefix("ipv6:"))
        return LITERAL if literal == tx.session.client else LITERAL_FALSE
    if (name[-1].isdigit() or ":" in name) and client_address(name) is not None:
        return BARE_ADDRESS  # RFC 5321 4.1.3: an address stands in brackets
    own = {tx.session.mta_name.lower(), *(own.lower() for own in settings.own_names)} - {""}
    if name in own:
        return OURS
    recipients = (*tx.envelope.recipients, tx.recipient)
    if name in {
        recipient.rpartition("@")[2].lower() for recipient in recipients if "@" in recipient
    }:
        return RECIPIENT
    if name in _LOCAL:
        return LOCALHOST
    if to_alabel(helo) is None or (helo.isascii() and not _HOST.match(name)):
        return INVALID
    return BARE_WORD if "." not in name else None


def _is_nowhere(name: str, services: Services) -> bool:
    """Whether the name certainly has no address."""
    for rrtype in (RRType.A, RRType.AAAA):
        answer = services.ask(question(name, rrtype))
        if answer.status in {Status.OK, Status.TEMPFAIL}:
            return False
        if answer.status is Status.NXDOMAIN:
            return True  # of the name, whatever the type
    return True


CHECK = Check(
    name="helo",
    stage=Stage.HELO,
    settings=Settings,
    symbols=(
        EMPTY,
        OURS,
        RECIPIENT,
        LOCALHOST,
        BARE_ADDRESS,
        LITERAL,
        LITERAL_FALSE,
        INVALID,
        BARE_WORD,
        UNRESOLVABLE,
    ),
    questions=questions,
    run=run,
)

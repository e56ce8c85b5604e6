"""trap - who writes to a spamtrap is listed here for a day.

Owns:   symbols TRAP_CLIENT, TRAP_RECIPIENT.
Asks:   the list file of trap addresses; the trap store, once a transaction, announced.
Not here: learning from what traps receive (classify reads TRAP_RECIPIENT).

A trap that accepts bounces would list every server that a forger makes answer: the null reverse-path
springs nothing. Nor do clients that a list vouches for: one customer of a large provider must not
list its servers.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.settings import Duration
from filterd.core.stage import Stage
from filterd.core.stores import Fact
from filterd.core.transaction import Transaction
from filterd.store import keys
from filterd.store.listfile import lists, mistakes

CLIENT = "TRAP_CLIENT"
RECIPIENT = "TRAP_RECIPIENT"


class Settings(CheckSettings):
    """Addresses that nobody should write to."""

    files: tuple[str, ...] = Field(
        default=(),
        description="Files of trap addresses (or whole domains), one a line; read again by themselves.",
    )
    listed_for: Duration = Field(
        default=86400.0,
        ge=60,
        le=30 * 86400,
        description="How long a client that wrote to a trap is listed.",
    )
    exempt: tuple[str, ...] = Field(
        default=("ALLOW_CLIENT", "ALLOW_SENDER", "DNSWL_*"),
        description="Symbols of clients that are never listed; * at the end stands for anything.",
    )

    def warnings(self) -> Iterable[str]:
        return (f"files: {text}" for text in mistakes(self.files))


def facts(tx: Transaction, settings: Settings) -> Iterable[Fact]:
    """Whether the client is listed; asked at the first recipient."""
    if settings.files and _is_judged(tx) and not tx.envelope.recipients:
        yield ("trap", keys.trap(tx.session.client))


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """At each RCPT: is it a trap? At the first: has this client sprung one lately?"""
    store = services.traps
    if store is None or not settings.files or not _is_judged(tx):
        return
    clock = services.clock
    client = keys.trap(tx.session.client)
    if any(
        one.address(tx.recipient) is not None
        for one in lists(settings.files, clock.monotonic())
    ):
        if tx.hit(RECIPIENT) is None:
            yield Hit(RECIPIENT, tx.recipient)
        if tx.envelope.reverse_path and not tx.has_hit(settings.exempt):
            store.spring([client], clock.now(), settings.listed_for)
    elif not tx.envelope.recipients:
        seconds = store.trapped_until([client], clock.now()) - clock.now()
        if 0 < seconds <= settings.listed_for + 60:  # longer: noted while the clock was wrong
            yield Hit(CLIENT, f"{client} for another {seconds / 3600:.1f} h")


def _is_judged(tx: Transaction) -> bool:
    session = tx.session
    return session.client is not None and not session.is_local and not session.is_authenticated


CHECK = Check(
    name="trap",
    stage=Stage.RCPT,
    facts=facts,
    run=run,
    settings=Settings,
    symbols=(CLIENT, RECIPIENT),
    after=("allow",),
    runs=frozenset({Stage.RCPT}),
)

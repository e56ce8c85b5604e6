"""iprev - does the client have a reverse name that leads back to it (RFC 8601 3)?

Owns:   symbols IPREV_*; one AuthResult.
Asks:   PTR of the client at CONNECT, and the addresses of the names in its answer.
Not here: evaluation (auth.iprev), what the name looks like (checks.connection).
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.auth.iprev import evaluate, forward_question, lead
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.lookup import Asked
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction


class Settings(CheckSettings):
    """`[checks.iprev]`: nothing to set."""


# A pass is no merit and a temporary error no fault: neither has a symbol.
SYMBOLS = {"fail": "IPREV_FAIL", "permerror": "IPREV_PERMERROR"}


def questions(tx: Transaction, settings: Settings) -> Iterable[Asked]:
    """The reverse name and what it leads to, and the forward look-up of what the MTA takes it for."""
    del settings
    client = tx.session.client
    if client is None:
        return
    yield lead(client)
    if "." in tx.session.client_name:
        yield forward_question(tx.session.client_name, client)


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """The result and its symbol; nothing for a client without an address."""
    del settings
    if tx.session.client is None:
        return
    reverse = evaluate(tx.session.client, services.ask)
    yield reverse.result
    symbol = SYMBOLS.get(reverse.result.result)
    if symbol is not None:
        yield Hit(symbol, reverse.result.reason)


CHECK = Check(
    name="iprev",
    stage=Stage.CONNECT,
    settings=Settings,
    symbols=tuple(SYMBOLS.values()),
    questions=questions,
    run=run,
)

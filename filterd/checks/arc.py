"""arc - is the Authenticated Received Chain of the message whole (RFC 8617)?

Owns:   symbols ARC_*; the arc result.
Asks:   the keys of the newest message signature and of each seal, announced with the header.
Not here: validation (auth.arc), what a chain excuses (checks.dmarc, only for trusted sealers).
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.auth import arc
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import AuthResult, Evidence, Hit, Property
from filterd.core.lookup import Question
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction


class Settings(CheckSettings):
    """`[checks.arc]`: nothing to set; trusted sealers are `[checks.dmarc] trusted_sealers`."""


SYMBOLS = {"none": "ARC_NONE", "pass": "ARC_PASS", "fail": "ARC_FAIL"}


def questions(tx: Transaction, settings: Settings) -> Iterable[Question]:
    """The keys of the chain."""
    del settings
    return arc.questions(tx.message.header)


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Yield the chain's status with its sealers, newest first, and its symbol."""
    del settings
    chain = arc.evaluate(tx.message, services.ask)
    sealers = ", ".join(one.sealer for one in reversed(chain.sets[-5:]))
    comment = f"i={len(chain.sets)} sealed by {sealers}" if chain.sets else ""
    oldest = (Property("header", "oldest-pass", str(chain.oldest_pass)),)  # RFC 8617 10.2
    shown = oldest if chain.result == "pass" else ()
    yield AuthResult("arc", chain.result, chain.reason, shown, comment)
    yield Hit(SYMBOLS[chain.result], detail=chain.reason or sealers)


CHECK = Check(
    name="arc",
    stage=Stage.HEADER,
    settings=Settings,
    symbols=tuple(SYMBOLS.values()),
    questions=questions,
    run=run,
)

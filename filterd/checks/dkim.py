"""dkim - what the DKIM signatures of a message say (RFC 6376).

Owns:   symbols DKIM_*; one AuthResult for each signature, "none" where there is none.
Asks:   one TXT for each signature, announced when the header is complete.
Not here: verification (auth.dkim), DMARC (checks.dmarc), signing (auth.seal).
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.auth.dkim import evaluate
from filterd.auth.dkim import questions as key_questions
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import AuthResult, Evidence, Hit
from filterd.core.lookup import Question
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction


class Settings(CheckSettings):
    """`[checks.dkim]`: nothing to set; limits are in filterd.limits."""


# What each result counts as. A failed signature is no more than no signature (RFC 6376 6.1), so it is
# the table of scores, not this one, that says that it weighs little.
SYMBOLS = {
    "pass": "DKIM_PASS",
    "fail": "DKIM_FAIL",
    "policy": "DKIM_POLICY",
    "neutral": "DKIM_NEUTRAL",
    "temperror": "DKIM_TEMPERROR",
    "permerror": "DKIM_PERMERROR",
    "none": "DKIM_NONE",
}


def symbol(result: AuthResult) -> str:
    """The symbol of one signature's result."""
    if result.result == "pass" and result.get("policy.partial"):
        return "DKIM_PARTIAL"
    if result.result == "fail" and "test key" in result.reason:
        return "DKIM_TESTING"  # t=y: as good as unsigned (RFC 6376 3.6.1)
    return SYMBOLS[result.result]


def questions(tx: Transaction, settings: Settings) -> Iterable[Question]:
    """The keys of the signatures."""
    del settings
    return key_questions(tx.message.header)


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Yield the results in the order of the signatures, then each symbol once with its domains."""
    del settings
    results = evaluate(tx.message, services.ask, tx.arrived or services.clock.now())
    yield from results
    details: dict[str, list[str]] = {}
    for result in results:
        said = [text for text in (result.get("header.d"), result.reason) if text]
        details.setdefault(symbol(result), []).append(": ".join(said))
    for name, texts in details.items():
        yield Hit(name, detail="; ".join(text for text in texts if text))


CHECK = Check(
    name="dkim",
    stage=Stage.HEADER,
    settings=Settings,
    symbols=(*SYMBOLS.values(), "DKIM_PARTIAL", "DKIM_TESTING"),
    questions=questions,
    run=run,
)

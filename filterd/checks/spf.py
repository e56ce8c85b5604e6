"""spf - may this client use its HELO name and the reverse-path's domain (RFC 7208)?

Owns:   symbols SPF_*; whether Received-SPF is added.
Asks:   TXT of the HELO name and of the reverse-path's domain, announced at MAIL; what these records
        name is prefetched when they arrive (auth.spfahead).
Not here: evaluation (auth.spf), alignment with From (auth.dmarc).
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from filterd.auth.receivedspf import received_spf
from filterd.auth.spf import evaluate_helo, evaluate_mail_from
from filterd.auth.spfahead import leads
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit, Note
from filterd.core.lookup import Asked
from filterd.core.settings import Flag
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction


class Settings(CheckSettings):
    """`[checks.spf]`."""

    helo: Flag = Field(
        default=True, description="Whether the HELO identity is checked as well."
    )
    received_spf: Flag = Field(
        default=False, description="Add a Received-SPF field (RFC 7208 9.1) beside the results."
    )


# result -> symbol, of the reverse-path (the HELO name, where the reverse-path is null)
SYMBOLS = {
    "pass": "SPF_PASS",
    "fail": "SPF_FAIL",
    "softfail": "SPF_SOFTFAIL",
    "neutral": "SPF_NEUTRAL",
    "none": "SPF_NONE",
    "temperror": "SPF_TEMPERROR",
    "permerror": "SPF_PERMERROR",
}
# result -> symbol, of the HELO name beside a reverse-path; what is not here says nothing
HELO_SYMBOLS = {"pass": "SPF_HELO_PASS", "fail": "SPF_HELO_FAIL"}


def questions(tx: Transaction, settings: Settings) -> Iterable[Asked]:
    """The record of each identity, and what it names as soon as it is there."""
    client = tx.session.client
    if client is None:
        return
    helo, path = tx.session.helo, tx.envelope.reverse_path
    for identity in dict.fromkeys((path, "") if settings.helo else (path,)):
        yield from leads(client, identity, helo)


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Results and symbols of both identities; nothing for a client without an address."""
    client = tx.session.client
    if client is None:
        return
    helo, path = tx.session.helo, tx.envelope.reverse_path
    receiver = tx.session.mta_name
    if settings.helo and path and helo:
        greeting = evaluate_helo(client, helo, services.ask, receiver=receiver).result
        yield greeting
        if greeting.result in HELO_SYMBOLS:
            yield Hit(HELO_SYMBOLS[greeting.result], helo)
    found = evaluate_mail_from(client, path, helo, services.ask, receiver=receiver)
    result = found.result
    yield result
    yield Hit(SYMBOLS[result.result], result.reason or path or helo)
    if settings.received_spf:
        yield Note("Received-SPF", received_spf(found, client, path, helo, receiver))


CHECK = Check(
    name="spf",
    stage=Stage.MAIL,
    run=run,
    settings=Settings,
    symbols=(*SYMBOLS.values(), *HELO_SYMBOLS.values()),
    questions=questions,
)

"""gtube - the test string that every filter must refuse (Generic Test for Unsolicited Bulk Email).

Owns:   symbol GTUBE.
Asks:   nothing.
Not here: scores; this is an unconditional answer, so that an admin can try the chain.
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit, Proposal
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.core.verdict import Action, Reply

# In two halves, so that this file can be sent by mail.
STRING = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
REPLY = Reply(550, "5.7.1", "Refused: GTUBE test message")


class Settings(CheckSettings):
    """Whether the test string is looked for."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Refuse whatever carries the string in its text or subject."""
    message = tx.message
    if (
        STRING in message.text
        or STRING in message.subject
        or STRING.encode() in message.body[:100_000]
    ):
        yield Hit("GTUBE")
        yield Proposal(Action.REJECT, "GTUBE", REPLY)


CHECK = Check(name="gtube", stage=Stage.EOM, settings=Settings, run=run, symbols=("GTUBE",))

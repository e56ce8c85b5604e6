"""connection - does the client's reverse name look like a home or a machine for rent?

Owns:   symbols RDNS_DYNAMIC, RDNS_GENERIC.
Asks:   PTR of the client at CONNECT (the answer is checks.iprev's as well).
Not here: whether the name is true (checks.iprev), DNS lists (checks.dnsbl).

A name that has the address or its last octet and speaks of access lines (dsl, dyn, pool) is a home's;
one that only spells the address was given by a provider and never by whoever runs a mail server
there. A name that says mail, mx or static is let off. Of the 15,000 envelopes of trec07p and foff-milter
RDNS_DYNAMIC hits 17 % of spam and RDNS_GENERIC 6 %; neither hits ham.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from filterd.auth.iprev import MAX_NAMES, reverse_question
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.lookup import Question
from filterd.core.stage import Stage
from filterd.core.transaction import Address, Transaction
from filterd.mail.domain import organizational

DYNAMIC, GENERIC = "RDNS_DYNAMIC", "RDNS_GENERIC"

_NUMBER = re.compile(r"[0-9]+")
_HEX = re.compile(r"[0-9a-f]{8,}")
_WORD = re.compile(r"[a-z]+")
_ACCESS = frozenset(
    _WORD.findall(
        "adsl vdsl xdsl sdsl dsl dslam dyn dynamic dynamicip dynip dip dialup dial dialin ppp pppoe pool pools "
        "cable catv cablemodem dhcp broadband broad bb home res resnet residential ftth fttx fiber fibre gpon "
        "wireless wifi wimax lte mobile gprs umts cpe customer cust user users subscriber subs sub nat cgn cgnat "
        "retail hsd hsia modem docsis abo"
    )
)
_SERVER = re.compile(
    r"(?:mail|smtp|mta|mx|relay|outbound)[a-z]*\Z|[a-z]*(?:mail|smtp|mta)\Z"
    r"|(?:out|static|fixed|fix|dedicated|ded|server|srv|business|biz|corp|colo)\Z"
)


class Settings(CheckSettings):
    """`[checks.connection]`: nothing to set."""


def spells(name: str, client: Address) -> bool:
    """Whether a name contains the address, in whatever order and notation providers use."""
    host = name.lower()
    if client.version == 6:
        nibbles = client.exploded.replace(":", "")
        flat = re.sub(r"[^0-9a-f]", "", host)
        groups = [group for group in client.exploded.split(":")[4:] if group != "0000"]
        dashed = set(re.split(r"[^0-9a-f]+", host))
        return nibbles[16:] in flat or (
            len(groups) >= 2
            and all(group.lstrip("0") in dashed or group in dashed for group in groups)
        )
    octets = client.exploded.split(".")
    digits = _NUMBER.findall(host)
    runs = _HEX.findall(host)
    if not digits and not runs:
        return False
    numbers = [number.lstrip("0") or "0" for number in digits]
    three = [numbers[start : start + 3] for start in range(len(numbers) - 2)]
    for order in (octets[1:], octets[:3]):  # whoever spells all four spells these
        if order in three or order[::-1] in three:
            return True
    if any(len(run) >= 7 for run in digits):
        joined = {
            "".join(octets),
            "".join(octets[::-1]),
            "".join(octet.zfill(3) for octet in octets),
            str(int(client)),
        }
        if any(len(text) >= 7 and text in run for text in joined for run in digits):
            return True
    if not runs:
        return False
    packed = client.packed
    as_hex, backwards = packed.hex(), packed[::-1].hex()
    return any(as_hex in run or backwards in run for run in runs)


def judge(name: str, client: Address) -> str:
    """The symbol that a reverse name deserves, or ""."""
    host = name.lower()
    is_spelt = spells(host, client)
    if not is_spelt and not _ends_alike(host, client):
        return ""
    own = set(_WORD.findall(host.removesuffix(organizational(host))))  # not the "mx" of com.mx
    if any(_SERVER.match(word) for word in own):
        return ""
    if not _ACCESS.isdisjoint(_WORD.findall(host)):
        return DYNAMIC
    return GENERIC if is_spelt else ""


def _ends_alike(host: str, client: Address) -> bool:
    """Whether the last octet is one of the numbers of the name."""
    last = client.exploded.rpartition(".")[2]
    return client.version == 4 and last in {n.lstrip("0") for n in _NUMBER.findall(host)}


def questions(tx: Transaction, settings: Settings) -> Iterable[Question]:
    """The reverse name."""
    del settings
    if tx.session.client is not None:
        yield reverse_question(tx.session.client)


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """One symbol at most: of all names the one that speaks most for a server counts."""
    del settings
    client = tx.session.client
    if client is None or tx.session.is_local or tx.session.is_authenticated:
        return
    names = services.ask(reverse_question(client)).names[:MAX_NAMES]
    judged = [(judge(name, client), name) for name in names if name]
    if judged and all(symbol for symbol, _ in judged):
        symbol, name = min(judged, key=lambda pair: pair[0] == DYNAMIC)
        yield Hit(symbol, name)


CHECK = Check(
    name="connection",
    stage=Stage.CONNECT,
    settings=Settings,
    symbols=(DYNAMIC, GENERIC),
    questions=questions,
    run=run,
)

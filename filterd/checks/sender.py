"""sender - could a reply to the reverse-path be delivered (RFC 5321 5.1, RFC 7505)?

Owns:   symbols SENDER_*; one at most.
Asks:   MX of the reverse-path's domain at MAIL, then the addresses of at most MAX_EXCHANGES hosts, or
        of the domain itself.
Not here: SPF (checks.spf), DNS lists (checks.domainlist), recipients (the MTA's business).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.lookup import Answer, Asked, Lead, Question, RRType, Status, question
from filterd.core.space import is_public
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.domain import to_alabel

INVALID = "SENDER_INVALID"
UNRESOLVABLE = "SENDER_UNRESOLVABLE"
NO_HOST = "SENDER_NO_HOST"
NULL_MX = "SENDER_NULL_MX"
MX_UNRESOLVABLE = "SENDER_MX_UNRESOLVABLE"
MX_NOWHERE = "SENDER_MX_NOWHERE"
NO_MX = "SENDER_NO_MX"

MAX_EXCHANGES = 3  # of the best preference first; one that works is enough


class Settings(CheckSettings):
    """`[checks.sender]`: nothing to set."""


def _path(tx: Transaction) -> str:
    """The reverse-path to judge; "" for a null path, a domain literal, or one of our own clients."""
    session, path = tx.session, tx.envelope.reverse_path
    is_ours = session.client is None or session.is_local or session.is_authenticated
    return "" if is_ours or path.rpartition("@")[2].startswith("[") else path


def _domain(path: str) -> str | None:
    """Its domain in A-labels; None where there is none that could be looked up."""
    domain = to_alabel(path.rpartition("@")[2]) if "@" in path else None
    return domain if domain is not None and "." in domain else None


def questions(tx: Transaction, settings: Settings) -> Iterable[Asked]:
    """The exchanges, and the address of the first, or of the domain where there are none."""
    del settings
    domain = _domain(_path(tx))
    if domain is None:
        return ()

    def follow(answer: Answer) -> Iterable[Question]:
        exchanges = [name for _, name in sorted(answer.mx) if name]
        if exchanges:
            return [question(exchanges[0], RRType.A)]  # the one that is looked at first
        wants_host = answer.status is Status.NODATA
        return [question(domain, rrtype) for rrtype in (RRType.A, RRType.AAAA) if wants_host]

    return [Lead(question(domain, RRType.MX), follow)]


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """What speaks against a reply's arrival; nothing where the DNS does not know now."""
    del settings
    path = _path(tx)
    if not path:
        return
    domain = _domain(path)
    symbol = INVALID if domain is None else _judge(domain, services)
    if symbol is not None:
        yield Hit(symbol, domain or path)


def _judge(domain: str, services: Services) -> str | None:
    answer = services.ask(question(domain, RRType.MX))
    if answer.status is Status.TEMPFAIL:
        return None
    if answer.status is Status.NXDOMAIN:
        return UNRESOLVABLE
    if answer.mx:
        exchanges = [name for _, name in sorted(answer.mx)]
        if exchanges == [""]:
            return NULL_MX
        return _judge_exchanges([name for name in exchanges if name], services)
    addresses, is_sure = _addresses(domain, services)
    if addresses:
        return NO_MX if any(_is_public(address) for address in addresses) else MX_NOWHERE
    return NO_HOST if is_sure else None


def _judge_exchanges(names: list[str], services: Services) -> str | None:
    found: list[str] = []
    for name in names[:MAX_EXCHANGES]:
        addresses, is_sure = _addresses(name, services)
        if not is_sure or any(_is_public(address) for address in addresses):
            return None
        found += addresses
    if len(names) > MAX_EXCHANGES:
        return None
    return MX_NOWHERE if found else MX_UNRESOLVABLE


def _addresses(name: str, services: Services) -> tuple[list[str], bool]:
    """The addresses of a host, and whether the DNS was sure of them."""
    found: list[str] = []
    is_sure = True
    for rrtype in (RRType.A, RRType.AAAA):
        answer = services.ask(question(name, rrtype))
        found += answer.addresses
        is_sure = is_sure and answer.status is not Status.TEMPFAIL
        if found:
            return found, True
    return found, is_sure


@lru_cache(maxsize=512)
def _is_public(address: str) -> bool:
    return is_public(ip_address(address))


CHECK = Check(
    name="sender",
    stage=Stage.MAIL,
    settings=Settings,
    symbols=(INVALID, UNRESOLVABLE, NO_HOST, NULL_MX, MX_UNRESOLVABLE, MX_NOWHERE, NO_MX),
    questions=questions,
    run=run,
)

"""iprev - does the client's reverse name lead back to its address (RFC 8601 3)?

Owns:   the method "iprev": pass, fail, temperror, permerror; the names that were confirmed.
Asks:   one PTR, then an address question for each name, at most MAX_NAMES, until one fits.
Not here: what a name looks like (checks.connection), symbols (checks.iprev).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from filterd.core.lookup import Answer, Ask, Lead, Question, RRType, Status, question
from filterd.core.transaction import Address
from filterd.mail.authres import AuthResult, Property

MAX_NAMES = 5  # PTR records looked at; real hosts have one or two (RFC 7208 4.6.4 allows ten)


@dataclass(frozen=True, slots=True)
class Reverse:
    """The result, the first confirmed name ("" if none), and the names that the PTR records gave."""

    result: AuthResult
    confirmed: str = ""
    names: tuple[str, ...] = ()


@lru_cache(maxsize=256)  # asked for by several checks of each message; ipaddress takes 6 us
def reverse_question(client: Address) -> Question:
    """The PTR question for an address."""
    return question(client.reverse_pointer, RRType.PTR)


def forward_question(name: str, client: Address) -> Question:
    """The address question that confirms a name."""
    return question(name, RRType.A if client.version == 4 else RRType.AAAA)


def lead(client: Address) -> Lead:
    """The PTR question, and the address questions that its answer leads to."""

    def follow(answer: Answer) -> Iterable[Question]:
        return [forward_question(name, client) for name in answer.names[:MAX_NAMES] if name]

    return Lead(reverse_question(client), follow)


def evaluate(client: Address, ask: Ask) -> Reverse:
    """Return whether a name of the client's PTR records has the client's address.

    "permerror" is no PTR record at all, "fail" names of which none leads back (RFC 8601 2.7.3).
    """
    shown = (Property("policy", "iprev", str(client)),)
    answer = ask(reverse_question(client))
    if answer.status is Status.TEMPFAIL:
        return Reverse(AuthResult("iprev", "temperror", f"PTR: {answer.reason}", shown))
    names = tuple(name for name in answer.names if name)[:MAX_NAMES]
    if answer.status is not Status.OK or not names:
        return Reverse(AuthResult("iprev", "permerror", "no reverse name", shown))
    failure = ""
    for name in names:
        forward = ask(forward_question(name, client))
        if forward.status is Status.TEMPFAIL:
            failure = failure or f"{name}: {forward.reason}"
        elif _leads_back(forward, client):
            return Reverse(AuthResult("iprev", "pass", "", shown, comment=name), name, names)
    if failure:
        return Reverse(AuthResult("iprev", "temperror", failure, shown), "", names)
    reason = f"{names[0]} does not have this address"
    return Reverse(AuthResult("iprev", "fail", reason, shown), "", names)


def _leads_back(forward: Answer, client: Address) -> bool:
    return str(client) in forward.addresses or any(
        ip_address(address) == client for address in forward.addresses
    )

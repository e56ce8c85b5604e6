"""destination - who may be sent a report: the mailboxes of rua=, each with consent where it needs one.

Owns:   Destination, destinations.
Asks:   the tree walks of the domain and of the mailbox's host; where they are of two organizations, one
        TXT for the host's consent.
RFC 9990 section 4, RFC 9989 11.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from filterd.auth.record import Record, parse_record
from filterd.auth.walk import organizational_domain, walk
from filterd.core.lookup import Ask, RRType, Status, question
from filterd.mail.domain import to_alabel


@dataclass(frozen=True, slots=True)
class Destination:
    """One URI of rua=: a mailbox that wants the report, or why none goes there."""

    uri: str
    mailbox: str = ""
    refusal: str = ""
    is_temporary: bool = False


def destinations(domain: str, record: Record, ask: Ask) -> tuple[Destination, ...]:
    """Where the reports of that policy domain may go (RFC 9990 4), in the order of rua=."""
    found: list[Destination] = []
    for uri in record.rua:
        mailbox = _mailbox(uri)
        if not mailbox:
            refusal = "not a mailto: URI of a mailbox"
            found.append(Destination(uri, refusal=refusal))
        else:
            found.extend(_consenting(domain, uri, mailbox, ask))
    return tuple(dict.fromkeys(found))


def _mailbox(uri: str) -> str:
    """local@domain of a mailto URI, "" for anything else; nothing that could end an SMTP command."""
    scheme, _, rest = uri.partition(":")
    local, _, host = rest.partition("?")[0].rpartition("@")
    domain = to_alabel(host)
    is_plain = (
        local.isascii() and local.isprintable() and not set(local) & set(' "<>()[]\\,;:@%')
    )
    if scheme.lower() != "mailto" or not local or not domain or not is_plain:
        return ""
    return f"{local}@{domain}"


def _consenting(domain: str, uri: str, mailbox: str, ask: Ask) -> Iterator[Destination]:
    host = mailbox.rpartition("@")[2]
    ours, theirs = walk(domain, ask), walk(host, ask)
    if ours.failed or theirs.failed:
        yield Destination(uri, refusal="DNS does not answer", is_temporary=True)
        return
    if organizational_domain(ours) == organizational_domain(theirs):
        yield Destination(uri, mailbox)
        return
    name = f"{domain}._report._dmarc.{host}"
    if len(name) > 253:
        yield Destination(uri, refusal="the name of the consent is too long")
        return
    answer = ask(question(name, RRType.TXT))
    if answer.status is Status.TEMPFAIL:
        yield Destination(uri, refusal=f"{name}: {answer.reason}", is_temporary=True)
        return
    consents = [r for text in answer.txt if (r := parse_record(text)) is not None]
    if not consents:
        yield Destination(uri, refusal=f"{host} does not ask for reports about {domain}")
        return
    overriding = [other for consent in consents for other in consent.rua]
    if not overriding:
        yield Destination(uri, mailbox)
    for other in overriding:
        instead = _mailbox(other)
        if instead.rpartition("@")[2] == host:
            yield Destination(other, instead)
        else:  # neither to the original nor to the override
            yield Destination(other, refusal=f"{host} names another host")

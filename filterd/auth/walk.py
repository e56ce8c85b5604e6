"""walk - the DNS tree walk: which DMARC records stand at a domain and above it, whose it is.

Owns:   targets, record_at, Walk, walk, organizational_domain.
Asks:   at most eight TXT of _dmarc names.
Not here: one record's text (auth.record), which record applies, alignment (auth.dmarc).
RFC 9989 sections 4.10 and 4.10.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from filterd.auth.record import Record, parse_record
from filterd.core.lookup import Ask, Question, RRType, Status, question

MAX_WALK = 8  # questions, RFC 9989 4.10
MAX_NAME = 253 - len("_dmarc.")  # octets of a domain that can have a record (RFC 1035 2.3.4)


class TemporaryFailure(Exception):
    """A question that the evaluation needs was not answered; `args[0]` is the name asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record and the domain it was found at."""

    domain: str
    record: Record


@dataclass(frozen=True, slots=True)
class Walk:
    """The records found from `start` upwards, longest name first; `failed` is a name not answered."""

    start: str
    found: tuple[Found, ...] = ()
    failed: str = ""

    def at(self, domain: str) -> Found | None:
        """The record found at exactly that domain."""
        return next((found for found in self.found if found.domain == domain), None)


def targets(domain: str) -> tuple[str, ...]:
    """The domains a tree walk asks for, at most eight, the starting point first (RFC 9989 4.10)."""
    labels = domain.split(".")
    above = labels[1:] if len(labels) < MAX_WALK else labels[-(MAX_WALK - 1) :]
    return (domain, *(".".join(above[i:]) for i in range(len(above))))


def record_question(domain: str) -> Question:
    """The question for the record of that domain."""
    return question(f"_dmarc.{domain}", RRType.TXT)


def record_at(domain: str, ask: Ask) -> Record | None:
    """The one record of that domain; several count as none (4.10 steps 2 and 6)."""
    if len(domain) > MAX_NAME:
        return None
    answer = ask(record_question(domain))
    if answer.status is Status.TEMPFAIL:
        raise TemporaryFailure(domain)
    records = [record for text in answer.txt if (record := parse_record(text)) is not None]
    return records[0] if len(records) == 1 else None


def walk(domain: str, ask: Ask) -> Walk:
    """Walk up from `domain` until psd=n or psd=y is met or no label is left."""
    found: list[Found] = []
    for target in targets(domain):
        try:
            record = record_at(target, ask)
        except TemporaryFailure:
            return Walk(domain, tuple(found), failed=target)
        if record is not None:
            found.append(Found(target, record))
            if record.psd in ("y", "n"):
                break
    return Walk(domain, tuple(found))


def organizational_domain(walked: Walk) -> str:
    """Select the organizational domain among the records found (RFC 9989 4.10.2)."""
    for found in walked.found:
        if found.record.psd == "n":
            return found.domain
        if found.record.psd == "y" and found.domain != walked.start:
            labels = walked.start.split(".")
            return ".".join(labels[-(found.domain.count(".") + 2) :])
    return walked.found[-1].domain if walked.found else walked.start

"""announced - what a check asked, beside what it had said that it would ask.

Owns:   one run of a check over zone text, with both lists of questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult, Evidence, Hit
from filterd.core.lookup import Answer, Asked, Lead, Question
from filterd.core.transaction import Transaction
from filterd.dns.zone import Zone


@dataclass(frozen=True)
class Run:
    """Evidence of one run, and the questions in order."""

    evidence: tuple[Evidence, ...]
    asked: tuple[Question, ...]
    announced: frozenset[Question]

    @property
    def symbols(self) -> list[str]:
        return [item.symbol for item in self.evidence if isinstance(item, Hit)]

    @property
    def results(self) -> list[AuthResult]:
        return [item for item in self.evidence if isinstance(item, AuthResult)]

    @property
    def unannounced(self) -> list[Question]:
        return [question for question in self.asked if question not in self.announced]


def run(
    check: Check, tx: Transaction, zone: str = "", settings: CheckSettings | None = None
) -> Run:
    used = settings or check.settings()
    resolver = Zone(zone)
    assert resolver.problems == ()
    asked: list[Question] = []

    def ask(question: Question) -> Answer:
        asked.append(question)
        return resolver.ask(question)

    announced = frozenset(_flat(check.questions(tx, used), resolver))
    said = tuple(check.run(tx, used, Services(ask=ask, clock=FixedClock())))
    return Run(said, tuple(asked), announced)


def _flat(asked: Iterable[Asked], resolver: Zone) -> Iterator[Question]:
    """The announced questions, and those that the answers of leads lead to."""
    for each in asked:
        if isinstance(each, Lead):
            yield each.question
            yield from _flat(each.follow(resolver.ask(each.question)), resolver)
        else:
            yield each

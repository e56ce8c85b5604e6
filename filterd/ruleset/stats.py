"""stats - what rules did to recorded mail: how often, to spam or ham, beside which others.

Owns:   Tally, Usage, usage.
Not here: reading the records (store), printing (frontends.cli.weigh).
Whether a message was spam is what the filter said then: there is no other judge of past mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from filterd.core.history import VerdictRecord
from filterd.core.verdict import Action

SPAM = frozenset({Action.TAG, Action.QUARANTINE, Action.REJECT, Action.DISCARD})
MAX_SYMBOLS = 100  # of one message that are looked at in pairs


@dataclass(slots=True)
class Tally:
    """One symbol over all records."""

    spam: int = 0
    ham: int = 0
    points: float = 0.0
    decided: int = 0  # messages that would not have been spam without it
    beside: Counter[str] = field(default_factory=Counter)

    @property
    def hits(self) -> int:
        return self.spam + self.ham

    @property
    def overlap(self) -> tuple[str, float]:
        """The symbol that most often stands beside this one, and in which share of its hits."""
        found = min(self.beside.items(), key=lambda item: (-item[1], item[0]), default=None)
        return (found[0], found[1] / self.hits) if found is not None else ("", 0.0)


@dataclass(slots=True)
class Usage:
    """All symbols over some records."""

    spam: int = 0
    ham: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)


def is_spam(record: VerdictRecord) -> bool:
    """What the filter did, or in observe mode would have done."""
    return (record.would or record.action) in SPAM


def usage(records: Iterable[VerdictRecord]) -> Usage:
    """Count the hits of complete messages; refusals at an earlier stage saw no rule."""
    found = Usage()
    for record in records:
        if record.stage != "eom":
            continue
        spam = is_spam(record)
        found.spam += spam
        found.ham += not spam
        tag = dict(record.thresholds).get("tag")
        hits = {hit.symbol: hit for hit in record.hits if hit.symbol != "GROUP_CAP"}
        names = list(hits)[:MAX_SYMBOLS]
        for name, hit in hits.items():
            tally = found.tallies.setdefault(name, Tally())
            tally.spam += spam
            tally.ham += not spam
            tally.points += hit.points
            tally.decided += tag is not None and record.score >= tag > record.score - hit.points
            tally.beside.update(other for other in names if other != name)
    return found

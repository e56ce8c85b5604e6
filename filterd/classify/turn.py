"""turn - one catching-up of the live weights with the journal of labels.

Owns:   Turn; how far a learned message is moved to its side.
Not here: what is written into the journal, who holds which lock (classify.learner); one label's steps and what they
        make others rehearse (classify.rehearsal).
Rules of this file: each message touched ends as its standing label says, whatever happened in between; what
        a label changed is taken back exactly when it no longer holds.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from filterd.classify.classifier import Scoring
from filterd.classify.features import Features, extract
from filterd.classify.live import LiveModel
from filterd.classify.local import Step
from filterd.classify.rehearsal import Kept, Rehearsal, learn
from filterd.core.labels import (
    JournalSession,
    Kind,
    LabelEvent,
    Learned,
    Rehearsed,
    standing,
)
from filterd.mail.message import Message

ENOUGH = 2.0  # log odds (88 %) by which a message is on its labelled side after learning
# What one step of learning leaves is moved at once: steps of the learner shrink as a view comes round, and twenty of
# them did not turn what counts of hundreds of messages said (0.42 where 0.12 was wanted).
MOST_SHIFTS = 3  # the second makes up for features that share a weight
LEAST_SLOPE = 0.1  # of the calibration; a flatter one says that nothing can be told yet


@dataclass(frozen=True, slots=True)
class Turn:
    """One catching-up of one live file."""

    live: LiveModel
    rehearsal: Rehearsal
    name: str
    scoring: Scoring
    known: dict[bytes, Message]

    def follow(self, session: JournalSession, events: Sequence[LabelEvent]) -> None:
        """Learn and forget until each message touched is as its standing label says."""
        if not events:
            return
        retractions = session.retractions()
        touched: dict[bytes, None] = {}
        for event in events:
            if event.kind is Kind.RETRACT:
                touched.update(dict.fromkeys(session.said_by(event.user, event.since)))
            else:
                touched[event.digest] = None
        for digest in touched:
            self._settle(session, digest, retractions)
        self.live.position = events[-1].position

    def _settle(
        self, session: JournalSession, digest: bytes, retractions: Sequence[LabelEvent]
    ) -> None:
        event = standing(session.of(digest), retractions)
        held = session.learned(self.name, digest)
        wanted = None if event is None else event.kind is Kind.SPAM
        for is_spam in (False, True):
            if is_spam is not wanted:
                self.rehearsal.drop(digest, is_spam)
        if (held.is_spam if held else None) == wanted:
            return
        features = self._features(session, digest)
        if features is None:  # its copy was not kept: what cannot be read cannot be learned
            return
        if held is not None:
            self.live.forget(features, Step(held.steps, held.is_spam))
            self._unrehearse(session, digest, features)
            session.set_learned(self.name, digest, None)
        if event is not None and wanted is not None:
            steps, again = self._learn_until_it_holds(Kept(digest, wanted, features))
            session.set_learned(self.name, digest, Learned(wanted, steps))
            session.note_rehearsed(self.name, again)
        if event is None:
            session.drop(digest)

    def _unrehearse(self, session: JournalSession, digest: bytes, own: Features) -> None:
        """Take back what learning a message made others rehearse, and what others made it rehearse."""
        for one in session.take_rehearsed(self.name, digest):
            features = own if one.digest == digest else self._features(session, one.digest)
            if features is not None:
                self.live.weights.tables.move(features, one.steps, sign=-1)

    def _learn_until_it_holds(self, new: Kept) -> tuple[tuple[float, ...], list[Rehearsed]]:
        """Learn a message until the whole score is on its side; the sum of its steps, and others'."""
        # Asked only where it counts: beside kept mail of the other class every view takes its step.
        is_settled = not self.rehearsal.has(not new.is_spam) and self._missing(new) <= 0
        step, again = learn(self.live, self.rehearsal, new, is_settled=is_settled)
        total = step.steps
        slope = max(self.live.slope, LEAST_SLOPE)
        for _ in range(MOST_SHIFTS):
            missing = self._missing(new)
            if missing <= 0:
                break
            by = missing / slope
            tables = self.live.weights.tables
            total = _sum(total, tables.shift(new.features, by if new.is_spam else -by))
        return total, again

    def _missing(self, new: Kept) -> float:
        """Log odds between the whole score and ENOUGH on the labelled side; not above 0 where it holds."""
        log_odds = self.scoring.log_odds(new.features)
        return ENOUGH - (log_odds if new.is_spam else -log_odds)

    def _features(self, session: JournalSession, digest: bytes) -> Features | None:
        message = self.known.get(digest)
        if message is None:
            copy = session.copy(digest)
            if copy is None:
                return None
            message = Message.from_bytes(zlib.decompress(copy))
        return extract(message)


def _sum(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))

"""learner - labels into the journal, and from the journal into the live weights, at once.

Owns:   Learner (learn, forget, unlearn, catch_up), `identity` of a message, Outcome.
Not here: what an event does to the weights (classify.turn).
Rules of this file: the journal is the truth, the live weights follow it event by event from the
        position they hold; one writer at a time (the lock of the live file).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from filterd.classify.classifier import Scoring
from filterd.classify.home import Home
from filterd.classify.live import LiveModel
from filterd.classify.model import Model
from filterd.classify.rehearsal import Rehearsal
from filterd.classify.settings import ClassifierSettings
from filterd.classify.turn import Turn
from filterd.core.labels import (
    Fed,
    JournalSession,
    JournalStore,
    Kind,
    LabelEvent,
    LabelFeed,
    standing,
)
from filterd.mail.message import Message

IDENTITY_FIELDS = ("from", "to", "cc", "subject", "date", "message-id")
COPY_BYTES = 256 << 10  # of a message kept for retraining; features look at less
CATCH_UP = 200  # events in one transaction
FED_AT_ONCE = 32  # events taken over in one call


def identity(message: Message) -> bytes:
    """What makes two deliveries one message: author's fields and body, however they travelled."""
    digest = hashlib.sha256()
    for name in IDENTITY_FIELDS:
        for field in message.header.all(name):
            digest.update(name.encode() + b":" + b" ".join(field.unfolded.split()) + b"\n")
    digest.update(b"\n" + message.body.replace(b"\r\n", b"\n").rstrip())
    return digest.digest()


class Outcome(Enum):
    """What became of one label."""

    LEARNED = "learned"
    CHANGED = "changed"  # it had another label
    KNOWN = "known"  # it had this label: nothing was learned
    FORGOTTEN = "forgotten"
    UNKNOWN = "unknown"  # there was nothing to forget


@dataclass(frozen=True, slots=True)
class Said:
    """One label about one message."""

    message: Message
    kind: Kind
    at: float
    user: str = ""
    origin: str = "command"
    name: str = ""
    source: str = ""


class Learner:
    """Writes labels and learns them. One instance a process; safe beside others."""

    def __init__(
        self,
        settings: ClassifierSettings,
        home: Home,
        journal: JournalStore,
        shipped: Model | None,
        feed: LabelFeed | None = None,
    ) -> None:
        self.home = home
        self.journal = journal
        self.feed = feed
        self._settings = settings
        self._shipped = shipped

    def learn(self, said: Sequence[Said]) -> list[Outcome]:
        """Journal and learn a batch; in force in every worker of this machine when it returns."""
        if self.feed is not None:
            self.sync()
        prepared = [(one, identity(one.message), _copy(one.message)) for one in said]
        outcomes: list[Outcome] = []
        events: list[tuple[LabelEvent, bytes]] = []

        def work(session: JournalSession) -> None:
            outcomes.clear()
            events.clear()
            for one, digest, copy in prepared:
                batch = {e.digest: e for e, _ in events}
                outcome = _outcome(session, one, digest, batch)
                outcomes.append(outcome)
                if outcome in _WRITTEN or (
                    outcome is Outcome.KNOWN
                    and digest not in batch
                    and _is_another_voice(session, one, digest)
                ):
                    events.append((_event(one, digest), copy))
            if self.feed is None:
                for event, copy in events:
                    session.append(event)
                    if event.kind is not Kind.FORGET:
                        session.keep(event.digest, copy)

        self.journal.write(work)
        if events:
            messages = {digest: one.message for one, digest, _ in prepared}
            self._settle(events, messages)
        return outcomes

    def unlearn(self, user: str, since: float, at: float) -> int:
        """Take back all that a user said from then on; how many messages that touches."""
        if self.feed is not None:
            self.sync()
        touched = 0
        event = LabelEvent(Kind.RETRACT, at, user=user, since=since)

        def work(session: JournalSession) -> None:
            nonlocal touched
            touched = len(session.said_by(user, since))
            if self.feed is None:
                session.append(event)

        self.journal.write(work)
        self._settle([(event, b"")], {})
        return touched

    def _settle(
        self, events: Sequence[tuple[LabelEvent, bytes]], messages: dict[bytes, Message]
    ) -> None:
        """Pass the events on where labels are shared, then learn up to the end."""
        if self.feed is None:
            self.catch_up(messages)
            return
        self.feed.put([(e, b"" if e.kind is Kind.FORGET else copy) for e, copy in events])
        self.sync(messages)

    def sync(self, known: dict[bytes, Message] | None = None) -> int:
        """Take over what other machines said, and learn it; how many events that was."""
        if self.feed is None:
            return self.catch_up(known)
        self.home.prepare()
        while True:
            last = self.last_fed()
            fed = self.feed.after(last, FED_AT_ONCE)
            if not fed:
                return self.catch_up(known)

            def work(
                session: JournalSession, fed: Sequence[Fed] = fed, last: str = last
            ) -> None:
                if session.last_fed() != last:
                    return  # another process of this machine was faster
                for one in fed:
                    session.append(one.event, one.id)
                    if one.copy:
                        session.keep(one.event.digest, one.copy)

            self.journal.write(work)

    def last_fed(self) -> str:
        """How far the journal has come in the common order."""
        found = ""

        def work(session: JournalSession) -> None:
            nonlocal found
            found = session.last_fed()

        self.journal.read(work)
        return found

    def catch_up(self, known: dict[bytes, Message] | None = None) -> int:
        """Bring the live weights to the end of the journal; how many events that took.

        `known` spares reading back copies of messages that are at hand.
        """
        identity_in_force = self.home.prepare()
        live = LiveModel.open(self.home.live_path(identity_in_force), writable=True)
        rehearsal = Rehearsal.open(self.home.rehearsal)
        turn = Turn(
            live,
            rehearsal,
            identity_in_force,
            Scoring(self._settings, self._shipped, live),
            known or {},
        )
        done = 0
        try:
            with live.locked(), rehearsal.locked():
                while True:
                    count = 0

                    def work(session: JournalSession) -> None:
                        nonlocal count
                        events = session.after(live.position, CATCH_UP)
                        count = len(events)
                        turn.follow(session, events)

                    self.journal.write(work)
                    done += count
                    if count < CATCH_UP:
                        return done
        finally:
            rehearsal.close()


_WRITTEN = frozenset({Outcome.LEARNED, Outcome.CHANGED, Outcome.FORGOTTEN})


def _outcome(
    session: JournalSession, said: Said, digest: bytes, batch: dict[bytes, LabelEvent]
) -> Outcome:
    """What this label does, after those of the journal and of the batch before it."""
    before = batch.get(digest) or standing(session.of(digest), session.retractions())
    if before is not None and before.kind is Kind.FORGET:
        before = None
    if said.kind is Kind.FORGET:
        return Outcome.FORGOTTEN if before is not None else Outcome.UNKNOWN
    if before is None:
        return Outcome.LEARNED
    if before.kind is said.kind or (before.is_human and said.origin == "auto"):
        return Outcome.KNOWN  # a machine never outweighs a person
    return Outcome.CHANGED


def _is_another_voice(session: JournalSession, said: Said, digest: bytes) -> bool:
    """Whether a person says what others had said, and stands by it when theirs is taken back."""
    if said.origin == "auto":
        return False
    own = (e for e in session.of(digest) if e.is_human and e.user == said.user)
    before = standing(own, session.retractions())
    return before is None or before.kind is not said.kind


def _event(said: Said, digest: bytes) -> LabelEvent:
    return LabelEvent(
        said.kind,
        said.at,
        digest,
        user=said.user,
        origin=said.origin,
        name=said.name,
        source=said.source,
    )


def _copy(message: Message) -> bytes:
    return zlib.compress(message.raw[:COPY_BYTES], 3)


def batches(said: Iterable[Said], size: int) -> Iterable[list[Said]]:
    """Lists of at most `size`."""
    batch: list[Said] = []
    for one in said:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

"""labels - what people said about messages: the append-only journal, and its seam.

Owns:   LabelEvent, Kind, Learned, Rehearsed, `standing` (which label holds); protocols JournalStore, JournalSession,
        LabelFeed.
Rules of this file: an event is never changed or removed, a later one outweighs it: the last human
        label wins over any other, a machine's label counts only where no human spoke.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Kind(Enum):
    """What an event says."""

    SPAM = "spam"
    HAM = "ham"
    FORGET = "forget"  # nothing was ever said about this message
    RETRACT = "retract"  # nothing that `user` said from `since` on holds


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """One line of the journal."""

    kind: Kind
    at: float  # seconds since the epoch
    digest: bytes = b""  # of the message; empty for RETRACT
    user: str = ""
    origin: str = "command"  # "command", "mailbox", "auto", ...
    name: str = ""  # where the message stood: path, subject; for reports
    source: str = ""  # the collection it came with; sources are weighed evenly
    since: float = 0.0  # of RETRACT
    position: int = 0  # in the journal, from 1; 0 before it is written

    @property
    def is_human(self) -> bool:
        return self.origin != "auto"


def standing(
    events: Iterable[LabelEvent], retractions: Sequence[LabelEvent]
) -> LabelEvent | None:
    """The event whose label holds after these of one message, oldest first; None: no label."""
    human: LabelEvent | None = None
    machine: LabelEvent | None = None
    for event in events:
        if any(
            r.user == event.user and event.at >= r.since and r.position > event.position
            for r in retractions
        ):
            continue
        match event.kind:
            case Kind.FORGET:
                human = machine = None
            case Kind.SPAM | Kind.HAM if event.is_human:
                human = event
            case Kind.SPAM | Kind.HAM:
                machine = event
            case Kind.RETRACT:
                continue
    return human or machine


@dataclass(frozen=True, slots=True)
class Learned:
    """What the live weights hold of one message: its label and the steps it took."""

    is_spam: bool
    steps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What learning one message (`cause`) changed for another, which was learned again beside it."""

    cause: bytes
    digest: bytes
    is_spam: bool
    steps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fed:
    """A label as machines pass it on: where it is in their common order, the event, the mail itself."""

    id: str
    event: LabelEvent
    copy: bytes  # compressed; empty for FORGET and RETRACT


class LabelFeed(Protocol):
    """The labels and the model that several machines share. Methods may raise StoreUnavailable."""

    def put(self, said: Sequence[tuple[LabelEvent, bytes]]) -> None:
        """Add events, each with its copy of the mail, to the end of the common order."""
        ...

    def after(self, identifier: str, limit: int) -> Sequence[Fed]:
        """What follows that place of the common order; "" is its start."""
        ...

    def news(self, identifier: str) -> tuple[bool, str]:
        """(whether anything follows that place, the id of the shared model in force or "")."""
        ...

    def share_model(self, identifier: str, files: Mapping[str, bytes]) -> None:
        """Make a model the one in force on every machine."""
        ...

    def model(self, identifier: str) -> Mapping[str, bytes]:
        """The files of a shared model; empty when it is not there."""
        ...

    def close(self) -> None: ...


class JournalSession(Protocol):
    """The journal within one transaction."""

    def append(self, event: LabelEvent, feed: str = "") -> int:
        """Write an event at the end; its position. `feed` is its place in the common order."""
        ...

    def last_fed(self) -> str:
        """The place in the common order of the newest event that came from there."""
        ...

    def position_of(self, feed: str) -> int:
        """The last position that was not behind that place of the common order."""
        ...

    def keep(self, digest: bytes, copy: bytes) -> None:
        """Keep the (compressed) message itself, so that it can be learned anew."""
        ...

    def drop(self, digest: bytes) -> None:
        """Keep the message no longer."""
        ...

    def copy(self, digest: bytes) -> bytes | None: ...

    def of(self, digest: bytes) -> Sequence[LabelEvent]:
        """The events of one message, oldest first."""
        ...

    def retractions(self) -> Sequence[LabelEvent]: ...

    def after(self, position: int, limit: int) -> Sequence[LabelEvent]:
        """Events behind that position, oldest first."""
        ...

    def said_by(self, user: str, since: float) -> Sequence[bytes]:
        """Digests of messages that a user labelled from then on."""
        ...

    def learned(self, live: str, digest: bytes) -> Learned | None:
        """What the live weights of that name hold of a message."""
        ...

    def set_learned(self, live: str, digest: bytes, learned: Learned | None) -> None: ...

    def note_rehearsed(self, live: str, rehearsed: Sequence[Rehearsed]) -> None: ...

    def take_rehearsed(self, live: str, digest: bytes) -> Sequence[Rehearsed]:
        """Strike out, and return, what learning that message caused and what was caused for it."""
        ...

    def clear_learned(self, live: str) -> None:
        """The live weights of that name hold nothing."""
        ...


class JournalStore(Protocol):
    """The journal of one machine. Methods may raise StoreUnavailable, nothing else."""

    def write(self, work: Callable[[JournalSession], None]) -> None:
        """Run `work` in one transaction: all of it is kept, or none."""
        ...

    def read(self, work: Callable[[JournalSession], None]) -> None:
        """Run `work`, which only reads."""
        ...

    def last(self) -> int:
        """The last position; 0 for an empty journal."""
        ...

    def standing(self) -> Iterator[LabelEvent]:
        """The event that holds of every labelled message, oldest label first."""
        ...

    def copy(self, digest: bytes) -> bytes | None:
        """The kept message, compressed; None where it was not kept."""
        ...

    def close(self) -> None: ...

"""verdict - all that a scan may answer.

Owns:   Action, Reply, the edits, ScoredHit, Verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from filterd.mail.authres import AuthResult


class Action(Enum):
    """What becomes of the message; the closed list, mildest first."""

    ACCEPT = "accept"
    TAG = "tag"
    GREYLIST = "greylist"
    TEMPFAIL = "tempfail"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    DISCARD = "discard"

    __hash__ = (
        object.__hash__
    )  # by identity, as members are compared; Enum's own runs Python code


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: code (RFC 5321 4.2), enhanced status code (RFC 3463), text of one line."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


@dataclass(frozen=True, slots=True)
class InsertField:
    """Add a field at `index` from the top (0 = the very top), or at the end when None."""

    name: str
    value: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteField:
    """Remove the nth (from 1, top first) field of that name as it arrived."""

    name: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class ReplaceField:
    """Give the nth field of that name a new value."""

    name: str
    occurrence: int
    value: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Put the message on the MTA's hold queue (SMFIR_QUARANTINE)."""

    reason: str


Edit = InsertField | DeleteField | ReplaceField | Hold


class ScoredHit(NamedTuple):
    """A hit with what it counted. `points` are rounded to two decimals before they are summed."""

    symbol: str
    points: float
    detail: str = ""
    group: str = ""
    describe: str = ""
    parts: tuple[tuple[str, float], ...] = ()  # name, points
    shadow: bool = False  # counted as a hit, its points are 0


class Span(NamedTuple):
    """Where time went: a check (or "dns", "features", ...) and its milliseconds."""

    name: str
    milliseconds: float
    stage: str = ""


@dataclass(slots=True)
class Verdict:
    """The answer to one message (or to one early stage); its edits are added by who made it."""

    action: Action
    score: float  # the sum of hits' points, exactly, in hundredths
    why_id: str
    reply: Reply | None = None  # None for accept and tag
    hits: tuple[ScoredHit, ...] = ()
    auth_results: tuple[AuthResult, ...] = ()
    authentication_results: str = ""  # field body as added, "" where none is added
    edits: tuple[Edit, ...] = ()
    decisive: str = ""  # the symbol, threshold or failure that chose the action
    profile: str = "default"
    thresholds: tuple[tuple[str, float], ...] = ()  # ("tag", 6.0), ("reject", 15.0), ...
    would: Action | None = None  # observe mode: what would have been done
    failures: tuple[str, ...] = ()  # "dnsbl: timeout", ...
    marks: tuple[str, ...] = ()  # limits reached
    spans: tuple[Span, ...] = ()
    milliseconds: float = 0.0
    delayed: float = 0.0  # seconds of tarpit asked for in this transaction, all stages
    hold: float = 0.0  # of these, seconds to wait now, before the answer
    stage: str = "eom"

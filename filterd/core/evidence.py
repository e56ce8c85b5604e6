"""evidence - all that a check may say.

Owns:   Hit, Proposal, Delay, Note, Failure; AuthResult is re-exported from mail.authres.
Rules of this file: an AuthResult says what a method found in the RFC's words, a Hit what we think of
        it; neither knows a score. A check that does not know says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from filterd.core.verdict import Action, Reply
from filterd.mail.authres import AuthResult, Property


class Hit(NamedTuple):
    """A symbol with its weight (multiplier of the configured score, default 1).

    `detail` is short, for the log and `why` (the DNS answer, the matched text). `parts` are the
    named shares of the weight where a check can say them (classifier tokens); their sum is the
    weight up to rounding.
    """

    symbol: str
    detail: str = ""
    weight: float = 1.0
    parts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action asked for by a check itself, whatever the score; `symbol` is its reason.

    At a stage before end-of-message it is answered at once (for RCPT: for that recipient only).
    """

    action: Action
    symbol: str
    reply: Reply
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds to hold the answer of this stage (tarpit); the front end does the waiting."""

    seconds: float
    symbol: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A field to add that is no verdict: Received-SPF, X-Greylist. ASCII, folded by the edits."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that could not do its work; made by the scanner, or by a check that knows better.

    `reason` is for the log; `defer` is set by the scanner from the check's `on_error`.
    """

    check: str
    reason: str
    defer: bool = False


Evidence = Hit | AuthResult | Proposal | Delay | Note | Failure

__all__ = [
    "AuthResult",
    "Delay",
    "Evidence",
    "Failure",
    "Hit",
    "Note",
    "Property",
    "Proposal",
]

"""policy - evidence and thresholds into one action; the only place where an action is chosen.

Rules of this file:
1. The most severe of what the checks propose and what the score reaches is done. Between equals a
   check's own reason and reply win over the score, and among checks the first reason is kept.
2. A proposal to accept (an allow list with proof) caps everything at accept.
3. A failed check decides nothing by itself: it defers only mail that would otherwise be accepted, and
   only if its `on_error` says so (Postfix's "defer if otherwise permitted").
4. Discard happens only where it is allowed, else it is a reject: mail is not lost in silence.
5. Observe mode changes what is done, never what is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from filterd.core.evidence import Evidence, Failure, Proposal
from filterd.core.verdict import Action, Reply

SEVERITY = {action: rank for rank, action in enumerate(Action)}

BY_SCORE = {
    "tag": Action.TAG,
    "quarantine": Action.QUARANTINE,
    "reject": Action.REJECT,
}

REPLIES = {
    Action.GREYLIST: Reply(451, "4.7.1", "Greylisted, please try again later"),
    Action.TEMPFAIL: Reply(451, "4.7.1", "The message cannot be checked now, try again later"),
    Action.QUARANTINE: Reply(250, "2.0.0", "Message held for inspection"),
    Action.REJECT: Reply(550, "5.7.1", "Message refused as spam"),
    Action.DISCARD: Reply(250, "2.0.0", "Message discarded"),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, what to say, and because of what."""

    action: Action
    decisive: str
    reply: Reply | None = None


_NOTHING = Decision(Action.ACCEPT, "")


def decide(
    evidence: Iterable[Evidence],
    score: float | None,
    thresholds: Iterable[tuple[str, float]],
    *,
    allow_discard: bool = False,
) -> Decision:
    """Choose the action; `score` None means "not by score" (an early stage, or switched off)."""
    best = _by_score(score, thresholds)
    # ranks by which a proposal must be more severe; the score's own rank is enough
    outdone = 1 if best is _NOTHING else 0
    accepted: Proposal | None = None
    failure: Failure | None = None
    for item in evidence:
        if isinstance(item, Proposal):
            if item.action is Action.ACCEPT:
                accepted = accepted or item
            elif SEVERITY[item.action] >= SEVERITY[best.action] + outdone:
                best = Decision(item.action, item.symbol, item.reply)
                outdone = 1
        elif isinstance(item, Failure) and item.defer:
            failure = failure or item
    if accepted is not None and best.action is not Action.ACCEPT:
        return Decision(Action.ACCEPT, accepted.symbol)
    if best.action is Action.DISCARD and not allow_discard:
        best = Decision(Action.REJECT, best.decisive, REPLIES[Action.REJECT])
    if failure is not None and best.action in {Action.ACCEPT, Action.TAG}:
        return Decision(
            Action.TEMPFAIL,
            f"{failure.check} failed: {failure.reason}",
            REPLIES[Action.TEMPFAIL],
        )
    if best.action in {Action.ACCEPT, Action.TAG}:
        return Decision(best.action, best.decisive)
    return best


def _by_score(score: float | None, thresholds: Iterable[tuple[str, float]]) -> Decision:
    """What the highest threshold that was reached asks for."""
    best = _NOTHING
    if score is not None:
        for name, at in thresholds:
            if score >= at:
                action = BY_SCORE[name]
                words = f"score {score:.2f} >= {name} {at:g}"
                best = Decision(action, words, REPLIES.get(action))
    return best

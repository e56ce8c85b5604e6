"""explain - what decided a verdict, and the smallest change that would have turned it.

Owns:   turning. Works on a verdict or on its record alike; knows policy's rules, repeats none of its
        choices: what would have been is asked of `policy.decide` with the changed facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

from filterd.core.verdict import Action
from filterd.scan.policy import decide

if TYPE_CHECKING:
    from filterd.core.verdict import ScoredHit

GROUP_CAP = "GROUP_CAP"
_MOST_TOGETHER = 3  # hits taken away together; more is no small change
_LARGEST = 12  # hits considered for that
_BY_SCORE = "score "
_FAILED = " failed: "


class Decided(Protocol):
    """What a verdict and its record have in common."""

    @property
    def action(self) -> Action: ...
    @property
    def would(self) -> Action | None: ...
    @property
    def score(self) -> float: ...
    @property
    def decisive(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def thresholds(self) -> tuple[tuple[str, float], ...]: ...
    @property
    def hits(self) -> tuple[ScoredHit, ...]: ...


def turning(verdict: Decided) -> str:
    """One sentence: the smallest change that would have made it another action."""
    action = verdict.would or verdict.action
    cause = verdict.decisive
    if cause.startswith(_BY_SCORE):
        return _by_points(verdict, action)
    if _FAILED in cause:
        check = cause.partition(_FAILED)[0]
        return f"had the check {check} had its answer, the score gives {_at(verdict, verdict.score)}"
    if cause == "error":
        return "the filter itself failed; the message was not judged"
    if cause:
        if verdict.stage != "eom":
            return f"without {cause} the message would have been let in to be scanned"
        return (
            f"without {cause} the score {verdict.score:g} gives {_at(verdict, verdict.score)}"
        )
    return _next_up(verdict)


def _at(verdict: Decided, score: float) -> str:
    return decide((), score, verdict.thresholds, allow_discard=True).action.value


def _next_up(verdict: Decided) -> str:
    for name, at in verdict.thresholds:
        if verdict.score < at:
            return (
                f"{at - verdict.score:.2f} points more give {_at(verdict, at)} ({name} {at:g})"
            )
    return "nothing that the score can do"


def _by_points(verdict: Decided, action: Action) -> str:
    """Of a verdict by score: the fewest and then the lightest hits without which it is milder."""
    limit = max((at for _, at in verdict.thresholds if at <= verdict.score), default=0.0)
    worth = sorted(
        (h for h in verdict.hits if h.points > 0 and not h.shadow), key=lambda h: -h.points
    )
    for count in range(1, _MOST_TOGETHER + 1):
        best: tuple[float, tuple[ScoredHit, ...]] | None = None
        for chosen in combinations(worth if count == 1 else worth[:_LARGEST], count):
            less = _effect(verdict.hits, chosen)
            if round(verdict.score - less, 2) < limit and (best is None or less < best[0]):
                best = less, chosen
        if best is not None:
            less, chosen = best
            names = " and ".join(f"{h.symbol} ({h.points:g})" for h in chosen)
            after = round(verdict.score - less, 2)
            return f"without {names} the score {after:.2f} gives {_at(verdict, after)}"
    over = verdict.score - limit + 0.01
    below = _at(verdict, limit - 0.01)
    return f"no few hits made it {action.value}: {over:.2f} points fewer give {below}"


def _effect(hits: Iterable[ScoredHit], without: Sequence[ScoredHit]) -> float:
    """Points the score loses without those hits: a capped group first loses what its cap took."""
    gone = {hit.symbol: hit.points for hit in without}
    less = 0.0
    for cap in hits:
        if cap.symbol == GROUP_CAP:
            members = [hit for hit in without if _is_member(hit, cap)]
            less += max(0.0, sum(hit.points for hit in members) + cap.points)
            for hit in members:
                gone.pop(hit.symbol, None)
    return round(less + sum(gone.values()), 2)  # in hundredths, as the score is


def _is_member(hit: ScoredHit, cap: ScoredHit) -> bool:
    """Whether that cap is on the hit's group; a record keeps no groups, but a cap its members."""
    if cap.parts:
        return any(name == hit.symbol for name, _ in cap.parts)
    return hit.group == cap.group

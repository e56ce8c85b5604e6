"""score - evidence into points.

Owns:   the sum. Rules of this file: points are rounded to hundredths before they are added and added as
        whole hundredths, so that what a header shows always adds up to the verdict's score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from filterd.core.evidence import Evidence, Hit
from filterd.core.verdict import ScoredHit
from filterd.limits import LIMITS
from filterd.ruleset.scores import Score

_MOST = 1e9  # points of one hit
GROUP_CAP = "GROUP_CAP"
_UNLISTED = Score()  # of a symbol that no rule file knows


class ScoreEntry(Protocol):
    """One line of the score table (ruleset.scores.Score)."""

    @property
    def points(self) -> float: ...
    @property
    def group(self) -> str: ...
    @property
    def describe(self) -> str: ...
    @property
    def shadow(self) -> bool: ...


class GroupEntry(Protocol):
    """A group's ceiling: the most its positive points may add up to; 0 is no ceiling."""

    @property
    def cap(self) -> float: ...


# A hit, its line of the table, what weight 1 of it is worth, and its points in hundredths.
_Counted = tuple[Hit, ScoreEntry, float, int]


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores by symbol and caps by group, as the rule set gives them."""

    scores: Mapping[str, ScoreEntry] = field(default_factory=dict)
    groups: Mapping[str, GroupEntry] = field(default_factory=dict)

    def apply(self, evidence: Iterable[Evidence]) -> tuple[tuple[ScoredHit, ...], float]:
        """Return the hits with their points, in order, and their exact sum.

        A symbol counts once: the occurrence of the largest weight, with the details of the others.
        A group over its cap gets a line GROUP_CAP that takes the excess away.
        """
        worth, over, total = self._worth(evidence)
        hits = [
            ScoredHit(
                hit.symbol,
                cents / 100,
                hit.detail[: LIMITS.hit_detail_chars],
                entry.group,
                entry.describe,
                tuple([(name, share * points) for name, share in hit.parts])
                if hit.parts
                else (),
                entry.shadow,
            )
            for hit, entry, points, cents in worth
        ]
        for group, excess in over:
            text = f"group {group} counts at most {self.groups[group].cap:g}"
            hits.append(ScoredHit(GROUP_CAP, -excess / 100, group, group, text))
        return tuple(hits), total / 100

    def points(self, evidence: Iterable[Evidence]) -> Mapping[str, float]:
        """Points by symbol, for composites; "" is their sum."""
        worth, over, total = self._worth(evidence)
        found = {hit.symbol: cents / 100 for hit, _, _, cents in worth}
        for _, excess in over:
            found[GROUP_CAP] = -excess / 100
        found[""] = total / 100
        return found

    def _worth(
        self, evidence: Iterable[Evidence]
    ) -> tuple[list[_Counted], list[tuple[str, int]], int]:
        """Every symbol with its points, what groups have over their caps, and the sum; in hundredths."""
        merged: dict[str, Hit] = {}
        for item in evidence:
            if isinstance(item, Hit):
                symbol = item.symbol
                merged[symbol] = _merge(merged[symbol], item) if symbol in merged else item
        worth: list[_Counted] = []
        total = 0
        by_group: dict[str, int] = {}
        for hit in merged.values():
            entry = self.scores.get(hit.symbol, _UNLISTED)
            points = 0.0 if entry.shadow else entry.points
            cents = _cents(points * hit.weight) if points else 0
            total += cents
            if cents > 0 and entry.group:
                by_group[entry.group] = by_group.get(entry.group, 0) + cents
            worth.append((hit, entry, points, cents))
        over: list[tuple[str, int]] = []
        for group, cents in by_group.items():
            limit = self.groups.get(group)
            if limit is not None and limit.cap and cents > round(limit.cap * 100):
                over.append((group, cents - round(limit.cap * 100)))
                total -= over[-1][1]
        return worth, over, total


def _cents(points: float) -> int:
    """Whole hundredths; what is no number (a weight gone wrong) counts nothing, and breaks nothing."""
    return round(points * 100) if -_MOST < points < _MOST else 0


def _merge(first: Hit, second: Hit) -> Hit:
    strong, weak = (
        (first, second) if abs(first.weight) >= abs(second.weight) else (second, first)
    )
    if not weak.detail or weak.detail in strong.detail:
        return strong
    detail = f"{strong.detail}; {weak.detail}" if strong.detail else weak.detail
    return Hit(strong.symbol, detail[: LIMITS.hit_detail_chars], strong.weight, strong.parts)

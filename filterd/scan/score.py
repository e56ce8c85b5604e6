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

_MOST = 1e9  # points of one hit


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
        merged: dict[str, Hit] = {}
        for item in evidence:
            if not isinstance(item, Hit):
                continue
            known = merged.get(item.symbol)
            merged[item.symbol] = item if known is None else _merge(known, item)
        hits: list[ScoredHit] = []
        total = 0
        by_group: dict[str, int] = {}
        for hit in merged.values():
            entry = self.scores.get(hit.symbol)
            shadow = entry is not None and entry.shadow
            worth = entry.points if entry is not None and not shadow else 0.0
            cents = _cents(worth * hit.weight)
            total += cents
            group = entry.group if entry is not None else ""
            if cents > 0 and group:
                by_group[group] = by_group.get(group, 0) + cents
            hits.append(
                ScoredHit(
                    hit.symbol,
                    cents / 100,
                    hit.detail[: LIMITS.hit_detail_chars],
                    group,
                    entry.describe if entry is not None else "",
                    tuple((name, share * worth) for name, share in hit.parts),
                    shadow,
                )
            )
        for group, cents in by_group.items():
            limit = self.groups.get(group)
            if limit is not None and limit.cap and cents > round(limit.cap * 100):
                excess = cents - round(limit.cap * 100)
                total -= excess
                text = f"group {group} counts at most {limit.cap:g}"
                hits.append(ScoredHit("GROUP_CAP", -excess / 100, group, group, text))
        return tuple(hits), total / 100

    def points(self, evidence: Iterable[Evidence]) -> Mapping[str, float]:
        """Points by symbol, for composites; "" is their sum."""
        hits, total = self.apply(evidence)
        found = {hit.symbol: hit.points for hit in hits}
        found[""] = total
        return found


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

"""scores - what each symbol counts, and the ceilings of groups.

Owns:   Score, Group: the entries scan.score adds up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """One symbol: points for weight 1, its group, the sentence for people; shadow counts nothing."""

    points: float = 0.0
    group: str = ""
    describe: str = ""
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Symbols that say much the same: together at most `cap` points; 0 is no ceiling."""

    cap: float = 0.0
    describe: str = ""

"""ledger - the counters of greylisting by day, and their names in every store.

Owns:   the names "deferred", "returned", "d<bucket>", "s<bucket>"; counters to LedgerDay.
Not here: the report (frontends.cli.greylist).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from filterd.core.stores import LedgerDay
from filterd.store.triplet import delay_bucket, score_bucket

DAY = 86400.0
KEEP = 90 * DAY  # seconds that counters are kept


def delay_name(seconds: float) -> str:
    """The counter of deliveries that came back after that long."""
    return f"d{delay_bucket(seconds)}"


def score_name(score: float) -> str:
    """The counter of deliveries that came back with that content score."""
    return f"s{score_bucket(score)}"


def as_days(counters: Iterable[tuple[int, str, int]]) -> Sequence[LedgerDay]:
    """Days, oldest first, of (day, name, count); unknown names are passed over."""
    plain: dict[int, dict[str, int]] = {}
    delays: dict[int, dict[int, int]] = {}
    scores: dict[int, dict[int, int]] = {}
    for day, name, count in counters:
        counts = plain.setdefault(day, {})
        if name in {"deferred", "returned"}:
            counts[name] = counts.get(name, 0) + count
            continue
        histogram = {"d": delays, "s": scores}.get(name[:1])
        if histogram is not None and name[1:].removeprefix("-").isdigit():
            buckets = histogram.setdefault(day, {})
            buckets[int(name[1:])] = buckets.get(int(name[1:]), 0) + count
    return tuple(
        LedgerDay(
            day,
            plain[day].get("deferred", 0),
            plain[day].get("returned", 0),
            dict(sorted(delays.get(day, {}).items())),
            dict(sorted(scores.get(day, {}).items())),
        )
        for day in sorted(plain)
    )

"""figures - the numbers of the pages: counters, records and the ledger as what a table shows.

Owns:   stages, labelled, auth, zones, scan_times, greylist_benefit; numbers and times as text.
Not here: the views (page), bars (chart).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from filterd.core.stage import Stage
from filterd.observe.metrics import METRICS, Counts

if TYPE_CHECKING:
    from filterd.core.stores import LedgerDay


def stages(plain: Mapping[str, Any]) -> list[tuple[str, float, int]]:
    """Stage, milliseconds, checks: where the time went."""
    found: dict[str, tuple[float, int]] = {}
    order = [stage.word for stage in Stage]
    for span in sorted(
        plain["spans"], key=lambda s: order.index(s["stage"]) if s["stage"] in order else 9
    ):
        spent, checks = found.get(span["stage"], (0.0, 0))
        found[span["stage"]] = (spent + span["milliseconds"], checks + 1)
    return [(stage, spent, checks) for stage, (spent, checks) in found.items()]


def labelled(totals: Counts, name: str) -> list[tuple[str, int]]:
    """A counter by its one label, the largest first."""
    found = [(series[1], int(v)) for series, v in totals.numbers.items() if series[0] == name]
    return sorted(found, key=lambda item: -item[1])


def auth(totals: Counts) -> dict[str, list[tuple[str, int]]]:
    """Results of each authentication method, the most frequent first."""
    found: dict[str, list[tuple[str, int]]] = {}
    for series, value in sorted(totals.numbers.items(), key=lambda item: -item[1]):
        if series[0] == "filterd_auth":
            found.setdefault(series[1], []).append((series[2], int(value)))
    return {method: found[method] for method in sorted(found)}


def zones(totals: Counts, reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """What each DNS list answered, those that are paused first, with the reason."""
    found: dict[str, dict[str, Any]] = {}
    for series, value in totals.numbers.items():
        if series[0] not in {"filterd_zone_answers", "filterd_zone_open"}:
            continue
        name = series[1]
        fresh = {"zone": name, "open": False, "results": {}, "reason": reasons.get(name, "")}
        zone = found.setdefault(name, fresh)
        if series[0] == "filterd_zone_answers":
            zone["results"][series[2]] = int(value)
        else:
            zone["open"] = value > 0
    return sorted(found.values(), key=lambda zone: (not zone["open"], zone["zone"]))


def scan_times(totals: Counts) -> dict[str, float] | None:
    """Median and 95th percentile of scans at end of message, in milliseconds, and their number."""
    values = totals.histograms.get(("filterd_scan_seconds", "eom"))
    if not values or not sum(values[:-1]):
        return None
    buckets = METRICS["filterd_scan_seconds"].buckets
    return {
        "median": _quantile(buckets, values[:-1], 0.5) * 1000,
        "p95": _quantile(buckets, values[:-1], 0.95) * 1000,
        "count": sum(values[:-1]),
    }


def _quantile(buckets: Sequence[float], counts: Sequence[float], share: float) -> float:
    """The value below which that share lies, linear within its bucket."""
    wanted = share * sum(counts)
    below = 0.0
    for index, count in enumerate(counts):
        if below + count >= wanted and count:
            low = buckets[index - 1] if index else 0.0
            high = buckets[index] if index < len(buckets) else buckets[-1]
            return low + (high - low) * (wanted - below) / count
        below += count
    return buckets[-1]


def greylist_benefit(days: Iterable[LedgerDay]) -> dict[str, Any]:
    """Deferred, returned, gave up, median delay of those who returned, and how they then scored."""
    deferred = returned = 0
    delays: dict[int, int] = {}
    scores: dict[int, int] = {}
    for day in days:
        deferred += day.deferred
        returned += day.returned
        for bucket, count in day.delays.items():
            delays[bucket] = delays.get(bucket, 0) + count
        for bucket, count in day.scores.items():
            scores[bucket] = scores.get(bucket, 0) + count
    median = 0.0
    half = sum(delays.values()) / 2
    seen = 0
    for bucket in sorted(delays):
        seen += delays[bucket]
        if seen >= half:
            median = 2 ** ((bucket + 0.5) / 4)
            break
    return {
        "deferred": deferred,
        "returned": returned,
        "gave_up": max(0, deferred - returned),
        "median_delay": median,
        "spam_on_return": sum(n for bucket, n in scores.items() if bucket >= 6),
        "scored": sum(scores.values()),
    }


def points(value: float) -> str:
    """Points with their sign."""
    return f"{value:+.2f}" if value else "0"


def count(value: float) -> str:
    """A whole number in groups of three."""
    return f"{int(value):,}".replace(",", "\u202f")  # narrow no-break space


def percent(part: float, whole: float) -> str:
    """A share of the whole; a dash where there is none."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def clock(seconds: float) -> str:
    """A moment, in this machine's time zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")

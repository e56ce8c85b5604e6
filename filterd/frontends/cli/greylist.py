"""greylist - `filterd greylist report`: what greylisting did, and whether it is worth its delays.

Owns:   the command; the sums over the ledger's days.
Exit status: 0 there is something to report, 1 nothing was deferred in that time, 75 store down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    json_option,
    pass_context,
    print_json,
)

if TYPE_CHECKING:
    from filterd.core.stores import LedgerDay

DAY = 86400.0
WORTH_IT = (
    0.2  # of what was deferred and judged: below this share of spam the delays buy little
)


@dataclass(frozen=True, slots=True)
class Benefit:
    """The ledger of some days, added up."""

    deferred: int
    returned: int
    waiting: int  # deferred so lately that it may still come back
    median_delay: float  # seconds, to 19 %
    slow_delay: float  # what 95 % stayed below
    scores: Mapping[int, int]  # whole points of content -> how many that came back

    @property
    def lost(self) -> int:
        """Never came back, for all that is known."""
        return max(0, self.deferred - self.returned - self.waiting)

    def scored(self, low: float, high: float) -> int:
        """How many that came back scored from low to below high."""
        return sum(count for score, count in self.scores.items() if low <= score < high)


@click.group()
def greylist() -> None:
    """Greylisting: what it did."""


@greylist.command()
@click.option("--days", type=click.IntRange(1, 90), default=30, show_default=True)
@json_option
@pass_context
def report(context: Context, days: int, as_json: bool) -> int:
    """Deferred, came back, never came back, how late, and what the content of returners was worth."""
    from filterd.core.clock import SystemClock

    settings = context.settings
    now = SystemClock().now()
    stores = context.app.open_stores(settings)
    try:
        ledger = stores.greylist.ledger(now - days * DAY)
    finally:
        stores.close()
    found = add_up(ledger, now, settings.check_settings["greylist"].window)  # type: ignore[attr-defined]
    tag, reject = settings.thresholds.tag, settings.thresholds.reject
    if as_json:
        print_json(plain(found, ledger, days, tag, reject), indent=2)
    elif found.deferred:
        show(found, days, tag, reject)
    else:
        click.echo(f"nothing was greylisted in {days} days", err=True)
    return EXIT_OK if found.deferred else EXIT_NO


def add_up(ledger: Sequence[LedgerDay], now: float, window: float) -> Benefit:
    """The sums; `window` is how long after a deferral a retry still counts."""
    delays: dict[int, int] = {}
    scores: dict[int, int] = {}
    for day in ledger:
        for bucket, count in day.delays.items():
            delays[bucket] = delays.get(bucket, 0) + count
        for bucket, count in day.scores.items():
            scores[bucket] = scores.get(bucket, 0) + count
    return Benefit(
        deferred=sum(day.deferred for day in ledger),
        returned=sum(day.returned for day in ledger),
        waiting=sum(
            max(0, day.deferred - day.returned)
            for day in ledger
            if (day.day + 1) * DAY + window > now
        ),
        median_delay=_quantile(delays, 0.5),
        slow_delay=_quantile(delays, 0.95),
        scores=scores,
    )


def _quantile(delays: Mapping[int, int], part: float) -> float:
    """Seconds below which that part of the histogram lies, taken in the middle of its bucket."""
    left = part * sum(delays.values())
    for bucket in sorted(delays):
        left -= delays[bucket]
        if left <= 0:
            return float(2 ** ((bucket + 0.5) / 4))
    return 0.0


def advice(found: Benefit, tag: float) -> str:
    """One sentence on whether it pays."""
    judged = found.lost + sum(found.scores.values())
    if judged < 50:
        return "Too few to say whether it pays."
    unwanted = found.lost + found.scored(tag, float("inf"))
    share = unwanted / judged
    if share < WORTH_IT:
        return (
            f"Only {share:.0%} of what was deferred was unwanted: the delays buy little here;"
            " consider checks.greylist.enabled = false."
        )
    return f"{found.lost / judged:.0%} of what was deferred never came back, and cost no scan."


def plain(
    found: Benefit, ledger: Iterable[LedgerDay], days: int, tag: float, reject: float
) -> dict[str, Any]:
    """Plain values, for --json."""
    return {
        "days": days,
        "deferred": found.deferred,
        "came_back": found.returned,
        "never_came_back": found.lost,
        "still_waiting": found.waiting,
        "median_delay": round(found.median_delay),
        "delay_95_percent": round(found.slow_delay),
        "scores": {
            "below_0": found.scored(float("-inf"), 0),
            "0_to_tag": found.scored(0, tag),
            "tag_to_reject": found.scored(tag, reject),
            "reject": found.scored(reject, float("inf")),
        },
        "advice": advice(found, tag),
        "by_day": [
            {"day": _date(day.day), "deferred": day.deferred, "came_back": day.returned}
            for day in ledger
        ],
    }


def show(found: Benefit, days: int, tag: float, reject: float) -> None:
    """The report for a person."""
    out = console()
    share = found.returned / found.deferred
    out.print(f"[bold]Greylisting, last {days} days[/]")
    out.print(f"  deferred         {found.deferred:>8}")
    out.print(f"  came back        {found.returned:>8}  {share:.0%}")
    out.print(f"  never came back  {found.lost:>8}")
    out.print(f"  may still come   {found.waiting:>8}")
    if found.returned:
        out.print(
            f"  delay            {_time(found.median_delay):>8}  median,"
            f" 95 % within {_time(found.slow_delay)}"
        )
    judged = sum(found.scores.values())
    if judged:
        out.print(f"  content of {judged} that came back and were scanned:")
        for label, low, high in (
            ("below 0", float("-inf"), 0.0),
            (f"0 to {tag:g}", 0.0, tag),
            (f"{tag:g} to {reject:g}", tag, reject),
            (f"{reject:g} and more", reject, float("inf")),
        ):
            count = found.scored(low, high)
            out.print(f"    {label:<14} {count:>8}  {count / judged:.0%}")
    out.print(f"  {advice(found, tag)}")


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%d")

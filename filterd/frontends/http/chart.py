"""chart - stacked bars as numbers for an SVG: verdicts by action over time.

Owns:   Bar, Chart, bars. Classes give the colours, so that light and dark are the style sheet's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 960.0, 180.0
BOTTOM = 20.0  # for the hours
GAP = 0.15  # of a bar's place


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle."""

    x: float
    y: float
    width: float
    height: float
    action: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws."""

    bars: Sequence[Bar]
    hours: Sequence[tuple[float, str]]  # x, text
    most: int  # the scale's end
    rows: Sequence[tuple[str, Mapping[str, int]]]  # the same as numbers
    width: float = WIDTH
    height: float = HEIGHT + BOTTOM
    base: float = HEIGHT


def bars(
    slots: Sequence[Mapping[str, int]], actions: Sequence[str], now: float, seconds: float
) -> Chart:
    """The chart of those slots of `seconds` each, the last one being now."""
    most = _round_up(max((sum(slot.values()) for slot in slots), default=0))
    place = WIDTH / max(1, len(slots))
    found: list[Bar] = []
    hours: list[tuple[float, str]] = []
    rows: list[tuple[str, Mapping[str, int]]] = []
    last = now // seconds * seconds
    for index, slot in enumerate(slots):
        at = datetime.fromtimestamp(last - (len(slots) - 1 - index) * seconds).astimezone()
        clock = at.strftime("%H:%M")
        rows.append((clock, slot))
        x = index * place
        if at.minute == 0 and at.hour % 3 == 0:
            hours.append((x, clock))
        top = HEIGHT
        for action in actions:
            count = slot.get(action, 0)
            if count:
                height = count / most * HEIGHT
                top -= height
                title = f"{clock}: {count} {action}"
                found.append(
                    Bar(x + place * GAP / 2, top, place * (1 - GAP), height, action, title)
                )
    return Chart(found, hours, most, rows)


def _round_up(value: int) -> int:
    """The next round number: 1, 2, 5, 10, 20 ..."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if value <= step * size:
                return step * size
        size *= 10

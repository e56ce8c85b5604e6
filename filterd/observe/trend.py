"""trend - how the counts went over the last days, for the page: actions by quarter hour, symbols by hour.

Owns:   Trend. It reads the workers' totals now and then and keeps the differences, in a file, so that the
        page costs no search of the history and a restart loses nothing.
Not here: what is counted (observe.metrics).
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filterd.observe.metrics import Counts, read_totals

QUARTER = 900.0  # seconds
HOUR = 3600.0
KEPT = 7 * 86400.0  # seconds; 672 quarters
MAX_FILE_BYTES = 64 << 20
FILE = "trend.json"

Slots = dict[int, Counter[str]]


@dataclass(slots=True)
class Trend:
    """Differences of totals by time. Thread-safe; one process feeds it."""

    directory: Path
    _actions: Slots = field(default_factory=dict)  # quarter -> action -> verdicts
    _symbols: Slots = field(default_factory=dict)  # hour -> symbol -> hits
    _last: dict[str, dict[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        try:
            raw = (self.directory / FILE).read_bytes()
            self._restore(json.loads(raw[:MAX_FILE_BYTES]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return  # none yet, or not ours: begin anew

    def _restore(self, found: Any) -> None:
        actions = {int(slot): Counter(counts) for slot, counts in found["actions"].items()}
        symbols = {int(slot): Counter(counts) for slot, counts in found["symbols"].items()}
        last = {name: dict(counts) for name, counts in found["last"].items()}
        self._actions, self._symbols, self._last = actions, symbols, last

    def update(self, now: float) -> None:
        """Take in what was counted since the last update, as of now."""
        totals = read_totals(self.directory)
        with self._lock:
            first = not self._last
            actions = self._difference("actions", _by_action(totals))
            symbols = self._difference("symbols", _by_symbol(totals))
            if first:  # counted before anyone watched: when is not known
                return
            if actions:
                self._actions.setdefault(int(now // QUARTER), Counter()).update(actions)
            if symbols:
                self._symbols.setdefault(int(now // HOUR), Counter()).update(symbols)
            for slots, length in ((self._actions, QUARTER), (self._symbols, HOUR)):
                for slot in [s for s in slots if s < (now - KEPT) // length]:
                    del slots[slot]

    def _difference(self, name: str, totals: Mapping[str, float]) -> dict[str, int]:
        last = self._last.get(name, {})
        self._last[name] = dict(totals)
        found = {}
        for key, total in totals.items():
            before = last.get(key, 0.0)
            more = total - before if total >= before else total  # counting began anew
            if more >= 1:
                found[key] = int(more)
        return found

    def save(self) -> None:
        """Write the file; a full disk loses the trend, nothing else."""
        with self._lock:
            text = json.dumps(
                {"actions": self._actions, "symbols": self._symbols, "last": self._last}
            )
        fresh = self.directory / f"{FILE}.new"
        with contextlib.suppress(OSError):
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.directory / FILE)

    def actions(self, now: float, slots: int, quarters: int = 1) -> list[Mapping[str, int]]:
        """Verdicts by action for the last `slots` spans of `quarters` quarter hours, oldest first."""
        end = int(now // QUARTER)
        end -= end % quarters  # spans begin at full hours
        found: list[Mapping[str, int]] = []
        with self._lock:
            for slot in range(end - (slots - 1) * quarters, end + 1, quarters):
                counts: Counter[str] = Counter()
                for quarter in range(slot, slot + quarters):
                    counts.update(self._actions.get(quarter, {}))
                found.append(dict(counts))
        return found

    def symbols(self, now: float, hours: int = 24) -> Counter[str]:
        """Hits by symbol over the last hours."""
        first = int(now // HOUR) - hours + 1
        with self._lock:
            return _sum(counts for slot, counts in self._symbols.items() if slot >= first)


def _sum(parts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def _by_action(totals: Counts) -> dict[str, float]:
    found: dict[str, float] = {}
    for series, value in totals.numbers.items():
        if series[0] == "filterd_verdicts" and len(series) > 1:
            found[series[1]] = found.get(series[1], 0.0) + value
    return found


def _by_symbol(totals: Counts) -> dict[str, float]:
    return {
        series[1]: value
        for series, value in totals.numbers.items()
        if series[0] == "filterd_hits" and len(series) == 2
    }

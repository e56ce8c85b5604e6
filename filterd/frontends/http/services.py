"""services - what the HTTP side may ask for; made by the composition root.

Owns:   HttpServices, Ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from filterd.config.settings import FilterSettings
    from filterd.core.check import Check
    from filterd.core.clock import Clock
    from filterd.core.stores import GreylistStore, HistoryStore, StoreHealth
    from filterd.dns.watch import ZoneState
    from filterd.mail.message import Message
    from filterd.scan.scanner import Scanner

Label = Literal["spam", "ham"]
Learn = Callable[
    ["Message", Label, str], str
]  # message, label, who says so -> what became of it


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One symbol of the rule set, for the page."""

    symbol: str
    points: float
    group: str
    describe: str
    shadow: bool


@dataclass(frozen=True, slots=True)
class HttpServices:
    """The scanner and the things beside it. What is None is answered 503 with its reason."""

    settings: FilterSettings
    scanner: Scanner
    clock: Clock
    checks: Sequence[Check] = ()
    history: HistoryStore | None = None
    greylist: GreylistStore | None = None
    learn: Learn | None = None
    stores: Callable[[], Sequence[StoreHealth]] = lambda: ()
    zones: Callable[[], Sequence[ZoneState]] = lambda: ()
    rules: Sequence[RuleLine] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # versions: rules, model, files

    @property
    def metrics_dir(self) -> Path:
        return self.settings.run_dir / "metrics"

    @property
    def status_file(self) -> Path:
        return self.settings.run_dir / "status.json"

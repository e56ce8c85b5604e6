"""A scanner around checks that a test chooses, with nothing behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from filterd.core.check import Check, Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import Evidence
from filterd.core.lookup import NXDOMAIN, Answer, Question, RRType
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.core.verdict import Verdict
from filterd.scan.scanner import Scanner, resolve_profiles
from filterd.scan.schedule import plan
from filterd.scan.score import ScoreTable
from filterd.scan.settings import DEFAULT_PROFILES, Thresholds


class Recorder:
    """A resolver that knows no name and remembers what it was asked ahead."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def ask(self, question: Question, deadline: float) -> Answer:
        return NXDOMAIN

    def prefetch(self, questions: Iterable[Question]) -> None:
        self.sent.extend(q.name for q in questions)

    def close(self) -> None: ...


def _ignore(_tx: Transaction, _verdict: Verdict) -> None: ...


def a_scanner(*checks: Check, seen: list[Verdict] | None = None, **changes: Any) -> Scanner:
    """Profiles switch nothing off, but "authenticated" a check named "strangers"."""
    whole = plan(checks, changes.pop("check_settings", {}))
    profiles = {
        name: p.model_copy(update={"disable": ()}) for name, p in DEFAULT_PROFILES.items()
    }
    profiles["authenticated"] = profiles["authenticated"].model_copy(
        update={"disable": ("strangers",)}
    )
    return Scanner(
        profiles=resolve_profiles(whole, Thresholds(), profiles),
        services=Services(ask=lambda _: NXDOMAIN, clock=FixedClock()),
        resolver=changes.pop("resolver", Recorder()),
        table=changes.pop("table", ScoreTable()),
        clock=changes.pop("clock", FixedClock()),
        new_id=lambda: "WHY1",
        host_name="mx.example.net",
        observe=(lambda _tx, verdict: seen.append(verdict)) if seen is not None else _ignore,
        **changes,
    )


def a_check(
    name: str,
    say: Callable[[Transaction], Iterable[Evidence]],
    *,
    runs: Iterable[Stage] = (Stage.EOM,),
    stage: Stage = Stage.CONNECT,
    after: tuple[str, ...] = (),
    asks: str = "",
) -> Check:
    """A check that says what the function says."""

    def run(tx: Transaction, _settings: Any, _services: Services) -> Iterable[Evidence]:
        return say(tx)

    def questions(_tx: Transaction, _settings: Any) -> Iterable[Question]:
        return [Question(asks, RRType.A)] if asks else []

    return Check(
        name=name, stage=stage, run=run, runs=frozenset(runs), after=after, questions=questions
    )

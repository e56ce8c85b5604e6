"""check - the interface of a check, and what a check may use.

Owns:   Check, CheckSettings, Services, the seams RuleProgram and Classifier.
A check is a module with a fixed shape: docstring, Settings, questions, run, CHECK; nothing to inherit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pydantic import Field

from filterd.core.clock import Clock
from filterd.core.evidence import Evidence, Hit
from filterd.core.lookup import Ask, Asked, ZoneHealth
from filterd.core.settings import Settings
from filterd.core.stage import Stage

if TYPE_CHECKING:
    from filterd.core.stores import (
        CorrespondentStore,
        DmarcReportStore,
        Fact,
        GreylistStore,
        RateStore,
        Remembered,
        TrapStore,
    )
    from filterd.core.transaction import Transaction
    from filterd.mail.message import Message


class CheckSettings(Settings):
    """What every check's table has."""

    enabled: bool = Field(default=True, description="Whether the check runs at all.")
    on_error: Literal["ignore", "defer"] = Field(
        default="ignore",
        description="When the check fails: score without it, or defer mail that would pass.",
    )

    def warnings(self) -> Iterable[str]:
        """What an admin should know about these settings though the filter runs with them."""
        return ()


class RuleProgram(Protocol):
    """The compiled rule set (ruleset layer): patterns first, composites last."""

    def match(self, tx: Transaction) -> Iterable[Hit]:
        """Hits of the pattern, list and count rules whose facts are there."""
        ...

    def compose(self, tx: Transaction, points: Mapping[str, float]) -> Iterable[Evidence]:
        """Hits (and Proposals of rules with an `action`) of composites over the evidence so far."""
        ...


@dataclass(frozen=True, slots=True)
class Opinion:
    """A classifier's answer: probability of spam, and the points it is worth, token by token."""

    probability: float
    points: float
    tokens: tuple[tuple[str, float], ...] = ()  # name, points; strongest first, bounded
    model: str = ""
    confirmed: bool = False  # enough local labels stand behind it
    detail: str = ""


class Classifier(Protocol):
    """Message in, opinion out (classify layer)."""

    def classify(self, message: Message, tx: Transaction) -> Opinion | None:
        """None when there is no usable model."""
        ...


class Services(NamedTuple):
    """What a check may ask for. `ask` is bound to this scan's deadline."""

    ask: Ask
    clock: Clock
    greylist: GreylistStore | None = None
    rates: RateStore | None = None
    correspondents: CorrespondentStore | None = None
    traps: TrapStore | None = None
    state: Remembered | None = None  # the three above, where each question costs a round trip
    reports: DmarcReportStore | None = None
    rules: RuleProgram | None = None
    classifier: Classifier | None = None
    zones: ZoneHealth | None = None
    points: Callable[[Iterable[Evidence]], Mapping[str, float]] = lambda _: {}  # "" is the sum

    def score(self, evidence: Iterable[Evidence]) -> float:
        """The points of all that evidence together."""
        return self.points(evidence).get("", 0.0)


def no_questions(tx: Transaction, settings: Any) -> Iterable[Asked]:
    """For checks that ask nothing of the DNS."""
    return ()


def no_facts(tx: Transaction, settings: Any) -> Iterable[Fact]:
    """For checks that ask nothing of the store, or not before they run."""
    return ()


@dataclass(frozen=True, slots=True)
class Check:
    """One check, as the scanner sees it.

    `stage` is the earliest at which its facts exist: its `questions` go out then.
    `facts` is what `run` will ask of the store at RCPT: it is fetched with what the others ask there, in
    one round trip, and `run` finds it there. What was not announced costs a trip of its own.
    `runs` lists the stages at which `run` is called because it may answer there (most: EOM only).
    `after` names checks that run first, and at an early stage are run first if their facts exist.
    A check runs once a transaction, except at each stage in `runs`.
    `symbols` is every symbol it may hit; scores are in rules/scores.toml.
    """

    name: str
    stage: Stage
    run: Callable[[Transaction, Any, Services], Iterable[Evidence]]
    settings: type[CheckSettings] = CheckSettings
    symbols: tuple[str, ...] = ()
    questions: Callable[[Transaction, Any], Iterable[Asked]] = no_questions
    facts: Callable[[Transaction, Any], Iterable[Fact]] = no_facts
    after: tuple[str, ...] = ()
    runs: frozenset[Stage] = field(default_factory=lambda: frozenset({Stage.EOM}))

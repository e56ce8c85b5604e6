"""A hundred situations with a known cause: `filterd why` names that cause, and what would have turned it.

Each is played through the real conversation, policy, record, packing and history; only the checks say
what the situation asks for.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from filterd.checks.catalogue import ALL
from filterd.config.load import load
from filterd.core.check import Check, CheckSettings
from filterd.core.clock import FixedClock
from filterd.core.errors import StoreUnavailable
from filterd.core.evidence import Evidence, Failure, Hit, Proposal
from filterd.core.history import remember
from filterd.core.stage import Stage
from filterd.core.stores import HistoryStore
from filterd.core.transaction import Session, Transaction, client_address
from filterd.core.verdict import Action, Reply, Verdict
from filterd.frontends.cli.main import run
from filterd.mail.message import Message
from filterd.scan.scanner import Scanner, Submission, resolve_profiles
from filterd.scan.score import ScoreTable
from filterd.scan.settings import DEFAULT_PROFILES, ScanSettings, Thresholds
from filterd.store import open_history
from filterd.store.settings import HistorySettings, StoreSettings
from tests.support.scanning import a_check, a_scanner

LIMITS = Thresholds(tag=6, quarantine=12, reject=15)
LATER, NEVER, FINE = (
    Reply(451, "4.7.1", "later"),
    Reply(550, "5.7.1", "no"),
    Reply(250, "2.0.0", "ok"),
)
REPLIES = {Action.GREYLIST: LATER, Action.TEMPFAIL: LATER, Action.REJECT: NEVER}


@dataclass(frozen=True)
class Points:
    """What a symbol is worth."""

    points: float
    group: str = ""
    describe: str = ""
    shadow: bool = False


@dataclass(frozen=True)
class Cap:
    cap: float


@dataclass(frozen=True)
class Situation:
    says: tuple[Evidence, ...]
    action: Action
    cause: str  # after "decided by"
    turning: str = ""  # somewhere after "to turn it"
    stage: Stage = Stage.EOM
    scores: tuple[tuple[str, Points], ...] = ()
    caps: tuple[tuple[str, Cap], ...] = ()
    breaks: str = ""  # a check of the catalogue that fails
    how: Exception | None = None
    observing: bool = False
    allow_discard: bool = False
    shows: tuple[str, ...] = ()  # what must be said besides


def situations() -> Iterator[tuple[str, Situation]]:
    yield from by_score()
    yield from by_proposal()
    yield from by_failure()
    yield from by_leave()
    yield from by_watching()


def scored(*points: float) -> dict[str, Any]:
    names = [f"SYMBOL_{n}" for n in range(len(points))]
    return {
        "says": tuple(Hit(name, f"seen {name.lower()}") for name in names),
        "scores": tuple((name, Points(p)) for name, p in zip(names, points, strict=True)),
    }


def by_score() -> Iterator[tuple[str, Situation]]:
    reached = {
        Action.TAG: ("tag 6", 6.0),
        Action.QUARANTINE: ("quarantine 12", 12.0),
        Action.REJECT: ("reject 15", 15.0),
    }
    for action, (word, at) in reached.items():
        cause = f"score {at:.2f} >= {word}"
        cases = {
            "one symbol, exactly": (cause, "without SYMBOL_0", scored(at)),
            "the lightest that is enough": (
                f"score {at + 0.5:.2f} >= {word}",
                "without SYMBOL_1 (1.5)",
                scored(at - 1, 1.5, 0.0),
            ),
            "two that must both go": (
                f"score {at + 2.2:.2f} >= {word}",
                ") and SYMBOL_",
                scored(1.5, 1.5, *[(at - 0.8) / 10] * 10),
            ),
            "a crowd of small ones": (
                f"score {at + 1.8:.2f} >= {word}",
                "no few hits",
                scored(*[(at + 1.8) / 30] * 30),
            ),
            "what speaks for it is not enough": (
                cause,
                "without SYMBOL_0",
                scored(at + 3, -3.0),
            ),
        }
        for name, (decided, turning, says) in cases.items():
            yield (
                f"{name}, {action.value}",
                Situation(action=action, cause=decided, turning=turning, **says),
            )
    yield (
        "just below every threshold",
        Situation(
            action=Action.ACCEPT,
            cause="nothing: no threshold was reached",
            turning="0.01 points more give tag",
            **scored(5.99),
        ),
    )
    yield (
        "nothing said at all",
        Situation(
            (), Action.ACCEPT, "nothing: no threshold was reached", "6.00 points more give tag"
        ),
    )
    yield "a capped group", Situation(
        says=(Hit("A", "a"), Hit("B", "b"), Hit("C", "c")), action=Action.TAG, cause="score 7.00 >= tag 6", turning="without C (3)",
        scores=(("A", Points(5, "net")), ("B", Points(5, "net")), ("C", Points(3))), caps=(("net", Cap(4)),), shows=("GROUP_CAP",),
    )  # fmt: skip
    yield "a shadow symbol counts nothing", Situation(
        says=(Hit("SILENT", "x"),), action=Action.ACCEPT, cause="nothing", turning="6.00 points more",
        scores=(("SILENT", Points(20, shadow=True)),), shows=("SILENT (shadow)",),
    )  # fmt: skip
    yield "words of the classifier", Situation(
        says=(Hit("CLASSIFIER_SPAM", "0.98", 1.0, (("word viagra", 0.8), ("word meeting", -0.2))),), action=Action.TAG,
        cause="score 7.00 >= tag 6", turning="without CLASSIFIER_SPAM (7)", scores=(("CLASSIFIER_SPAM", Points(7)),),
        shows=("word viagra +5.60", "word meeting -1.40"),
    )  # fmt: skip


PROPOSALS = {
    "GTUBE": Action.REJECT, "DMARC_FAIL_REJECT": Action.REJECT, "DMARC_FAIL_QUARANTINE": Action.QUARANTINE,
    "DENY_SENDER": Action.REJECT, "DENY_CLIENT": Action.REJECT, "ATTACHMENT_EXECUTABLE": Action.REJECT,
    "RULE_HOLD": Action.QUARANTINE, "RULE_DISCARD": Action.DISCARD, "RATE_LIMITED": Action.TEMPFAIL,
    "GREYLIST_DEFERRED": Action.GREYLIST,
}  # fmt: skip


def by_proposal() -> Iterator[tuple[str, Situation]]:
    for symbol, action in PROPOSALS.items():
        says = (Proposal(action, symbol, REPLIES.get(action, FINE)), Hit(symbol, "the reason"))
        may = action is Action.DISCARD
        yield (
            f"{symbol} at end of message",
            Situation(
                says,
                action,
                symbol,
                f"without {symbol} the score 0 gives accept",
                allow_discard=may,
                shows=("the reason",),
            ),
        )
        if action in REPLIES:
            for stage in (Stage.CONNECT, Stage.HELO, Stage.MAIL, Stage.RCPT):
                yield (
                    f"{symbol} at {stage.name}",
                    Situation(
                        says,
                        action,
                        symbol,
                        "would have been let in to be scanned",
                        stage=stage,
                    ),
                )
    yield (
        "discard that is not allowed",
        Situation(
            (Proposal(Action.DISCARD, "RULE_DISCARD", FINE),),
            Action.REJECT,
            "RULE_DISCARD",
            "without RULE_DISCARD",
        ),
    )
    yield "a proposal outweighs a milder score", Situation(
        action=Action.REJECT, cause="DENY_SENDER", turning="without DENY_SENDER the score 7 gives tag",
        says=(Hit("SYMBOL_0", "x"), Proposal(Action.REJECT, "DENY_SENDER", NEVER)), scores=(("SYMBOL_0", Points(7)),),
    )  # fmt: skip
    yield "a worse score outweighs a proposal", Situation(
        action=Action.REJECT, cause="score 16.00 >= reject 15", turning="without SYMBOL_0 (16)",
        says=(Hit("SYMBOL_0", "x"), Proposal(Action.GREYLIST, "GREYLIST_DEFERRED", LATER)), scores=(("SYMBOL_0", Points(16)),),
    )  # fmt: skip


def by_failure() -> Iterator[tuple[str, Situation]]:
    causes: Sequence[tuple[str, Exception]] = (
        ("ValueError: bad", ValueError("bad")),
        ("store unavailable: redis", StoreUnavailable("redis")),
    )
    for number, check in enumerate(ALL):
        words, error = causes[number % 2]
        yield f"{check.name} fails and defers", Situation(
            (), Action.TEMPFAIL, f"{check.name} failed: {words}",
            f"had the check {check.name} had its answer", breaks=check.name, how=error, shows=(f"not known {check.name}: {words}",),
        )  # fmt: skip
    yield "a failure does not save what is refused anyway", Situation(
        action=Action.REJECT, cause="score 16.00 >= reject 15", turning="without SYMBOL_0", breaks="dnsbl", how=ValueError("x"),
        shows=("not known dnsbl: ValueError: x",), **scored(16.0),
    )  # fmt: skip
    yield (
        "a check that knows its failure",
        Situation(
            (Failure("iprev", "timeout", defer=True),),
            Action.TEMPFAIL,
            "iprev failed: timeout",
            "had the check iprev had its answer",
        ),
    )


def by_leave() -> Iterator[tuple[str, Situation]]:
    leave = Proposal(Action.ACCEPT, "ALLOW_SENDER", FINE)
    for action, at in ((Action.TAG, 7.0), (Action.QUARANTINE, 13.0), (Action.REJECT, 16.0)):
        yield f"an allow list saves what would be {action.value}", Situation(
            says=(leave, Hit("SYMBOL_0", "x")), scores=(("SYMBOL_0", Points(at)),), action=Action.ACCEPT,
            cause="ALLOW_SENDER", turning=f"without ALLOW_SENDER the score {at:g} gives {action.value}",
        )  # fmt: skip


def by_watching() -> Iterator[tuple[str, Situation]]:
    for action, at in (
        (Action.TAG, 7.0),
        (Action.QUARANTINE, 13.0),
        (Action.REJECT, 16.0),
    ):
        yield f"observing what would be {action.value}", Situation(
            action=Action.ACCEPT, cause=f"score {at:.2f} >= {action.value}", turning="without SYMBOL_0", observing=True,
            shows=(f"would have been {action.value}",), **scored(at),
        )  # fmt: skip
    yield "observing what would be deferred for a failure", Situation(
        (), Action.ACCEPT, "spf failed: ValueError: x", "had the check spf", breaks="spf", how=ValueError("x"), observing=True,
        shows=("would have been tempfail",),
    )  # fmt: skip


SITUATIONS = dict(situations())


class Deferring(CheckSettings):
    on_error: Any = "defer"


def scanner_for(situation: Situation, seen: Callable[[Transaction, Verdict], None]) -> Scanner:
    def say(_tx: Transaction) -> Iterable[Evidence]:
        return situation.says

    def fail(_tx: Transaction) -> Iterable[Evidence]:
        assert situation.how is not None
        raise situation.how

    checks: list[Check] = [
        a_check("witness", say, runs=(situation.stage,), stage=situation.stage)
    ]
    settings: dict[str, CheckSettings] = {}
    if situation.breaks:
        checks.append(a_check(situation.breaks, fail))
        settings[situation.breaks] = Deferring()
    scanner = a_scanner(
        *checks,
        check_settings=settings,
        table=ScoreTable(dict(situation.scores), dict(situation.caps)),
        is_observing=situation.observing,
        settings=ScanSettings(allow_discard=situation.allow_discard),
    )
    plain = {name: p.model_copy(update={"disable": ()}) for name, p in DEFAULT_PROFILES.items()}
    profiles = resolve_profiles(scanner.profiles["default"].plan, LIMITS, plain)
    return dataclasses.replace(scanner, observe=seen, profiles=profiles)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryStore]:
    folder = tmp_path_factory.mktemp("truth")
    recorder = open_history(StoreSettings(kind="sqlite"), folder, HistorySettings())
    assert recorder is not None
    yield recorder
    recorder.close()


class TruthApp:
    def __init__(self, history: HistoryStore) -> None:
        self.history = history

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, overrides)

    @contextlib.contextmanager
    def open_history(self, settings: Any) -> Iterator[HistoryStore]:
        yield self.history

    def checks(self) -> Sequence[Check]:
        return ALL


def test_there_are_a_hundred() -> None:
    assert len(SITUATIONS) >= 100
    assert {s.action for s in SITUATIONS.values()} == set(Action)


@pytest.mark.parametrize("name", SITUATIONS)
def test_why_names_the_true_cause(
    name: str, history: HistoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    situation = SITUATIONS[name]
    queue_id = f"4Q{list(SITUATIONS).index(name)}"
    clock = FixedClock()
    given: list[Verdict] = []

    def seen(tx: Transaction, verdict: Verdict) -> None:
        given.append(verdict)
        tx.envelope = dataclasses.replace(tx.envelope, queue_id=queue_id)
        history.record(remember(tx, verdict, clock.now()))

    scanner = scanner_for(situation, seen)
    session = Session(client=client_address("192.0.2.1"), helo="mx.example.org")
    message = Message.from_bytes(b"From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n")
    scanner.scan(Submission(message, session, "a@example.org", ["b@example.net"]))
    assert [v.action for v in given] == [situation.action]
    assert history.flush()
    app: Any = TruthApp(history)
    assert run(lambda: app, ["why", queue_id]) == 0
    told = " ".join(capsys.readouterr().out.split())
    decided, _, rest = told.partition(" decided by ")[2].partition(" to turn it ")
    assert situation.cause in decided
    assert situation.turning in rest
    for words in situation.shows:
        assert words in told

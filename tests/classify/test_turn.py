"""A turn: after it, every message touched is as its standing label says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from filterd.classify import open_journal
from filterd.classify.classifier import Scoring
from filterd.classify.features import extract
from filterd.classify.learner import identity
from filterd.classify.live import LiveModel
from filterd.classify.rehearsal import Rehearsal
from filterd.classify.settings import ClassifierSettings
from filterd.classify.turn import ENOUGH, Turn
from filterd.core.labels import JournalSession, Kind, LabelEvent
from filterd.mail.message import Message
from filterd.store.labels import SqliteJournal
from tests.support.builders import a_message


def a_mail(number: int) -> Message:
    return a_message(
        f"From: Person {number} <p{number}@a{number % 3}.example>\nSubject: matter {number}\n"
        f"Message-ID: <{number}@a.example>\n\nThe quarterly report of {number} is attached.\n"
    )


MAIL = [a_mail(number) for number in range(12)]


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    (tmp_path / "classifier").mkdir()
    return open_journal(tmp_path)


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    with closing(Rehearsal.in_memory()) as found, found.locked():
        yield found


def a_turn(live: LiveModel, rehearsal: Rehearsal) -> Turn:
    known = {identity(message): message for message in MAIL}
    return Turn(live, rehearsal, "none", Scoring(ClassifierSettings(), None, live), known)


def follow(turn: Turn, journal: SqliteJournal, *labels: tuple[Message, Kind]) -> None:
    """Write the labels, then take the turn."""

    def work(session: JournalSession) -> None:
        for message, kind in labels:
            session.append(LabelEvent(kind, 1000.0, identity(message)))
        turn.follow(session, session.after(turn.live.position, 1000))

    journal.write(work)


def test_each_message_is_on_its_side_right_after_its_label(
    journal: SqliteJournal, rehearsal: Rehearsal
) -> None:
    turn = a_turn(LiveModel.in_memory(), rehearsal)
    for number, message in enumerate(MAIL):
        kind = Kind.SPAM if number % 2 else Kind.HAM
        follow(turn, journal, (message, kind))
        log_odds = turn.scoring.log_odds(extract(message))
        assert (log_odds if kind is Kind.SPAM else -log_odds) >= ENOUGH - 1e-3
    assert (turn.live.spam, turn.live.ham) == (6, 6)


def test_only_the_standing_label_of_a_message_is_learned(
    journal: SqliteJournal, rehearsal: Rehearsal
) -> None:
    turn = a_turn(LiveModel.in_memory(), rehearsal)
    follow(turn, journal, (MAIL[0], Kind.SPAM), (MAIL[1], Kind.HAM), (MAIL[0], Kind.HAM))
    assert (turn.live.spam, turn.live.ham) == (0, 2)


def test_a_message_that_nobody_has_any_more_is_passed_over(
    journal: SqliteJournal, rehearsal: Rehearsal
) -> None:
    turn = a_turn(LiveModel.in_memory(), rehearsal)
    follow(turn, journal, (a_mail(99), Kind.SPAM), (MAIL[0], Kind.HAM))
    assert (turn.live.spam, turn.live.ham) == (0, 1)
    assert turn.live.position == 2

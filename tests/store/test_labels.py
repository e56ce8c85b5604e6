"""The journal of labels in SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.core.labels import JournalSession, Kind, LabelEvent, Learned
from filterd.store.labels import SqliteJournal


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(tmp_path / "journal.sqlite")


def event(kind: Kind, digest: bytes, at: float, user: str = "ann") -> LabelEvent:
    return LabelEvent(kind, at, digest, user, name=f"mail {digest.decode()}", source="s")


def test_events_come_back_in_order_with_their_position(journal: SqliteJournal) -> None:
    def work(session: JournalSession) -> None:
        assert session.append(event(Kind.SPAM, b"a", 1.0)) == 1
        assert session.append(event(Kind.HAM, b"b", 2.0)) == 2
        assert session.append(event(Kind.HAM, b"a", 3.0)) == 3
        assert [e.kind for e in session.of(b"a")] == [Kind.SPAM, Kind.HAM]
        assert [e.position for e in session.after(1, 10)] == [2, 3]
        assert session.after(0, 1)[0].name == "mail a"
        assert session.said_by("ann", 2.0) == [b"a", b"b"]

    journal.write(work)
    assert journal.last() == 3


def test_a_failed_transaction_keeps_nothing(journal: SqliteJournal) -> None:
    def work(session: JournalSession) -> None:
        session.append(event(Kind.SPAM, b"a", 1.0))
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError):
        journal.write(work)
    assert journal.last() == 0


def test_what_holds_is_by_time_of_the_label(journal: SqliteJournal) -> None:
    def work(session: JournalSession) -> None:
        session.append(event(Kind.SPAM, b"b", 5.0))
        session.append(event(Kind.SPAM, b"a", 1.0))
        session.append(event(Kind.SPAM, b"c", 2.0, user="mallory"))
        session.append(event(Kind.HAM, b"b", 9.0))
        session.append(LabelEvent(Kind.RETRACT, 10.0, user="mallory"))

    journal.write(work)
    assert [(e.digest, e.kind) for e in journal.standing()] == [
        (b"a", Kind.SPAM),
        (b"b", Kind.HAM),
    ]


def test_copies_are_kept_once_and_dropped(journal: SqliteJournal) -> None:
    journal.write(lambda session: session.keep(b"a", b"mail"))
    journal.write(lambda session: session.keep(b"a", b"other"))
    assert journal.copy(b"a") == b"mail"
    journal.write(lambda session: session.drop(b"a"))
    assert journal.copy(b"a") is None


def test_what_was_learned_is_by_live_weights(journal: SqliteJournal) -> None:
    learned = Learned(True, (0.5, -0.25))

    def work(session: JournalSession) -> None:
        session.set_learned("one", b"a", learned)
        assert session.learned("one", b"a") == learned
        assert session.learned("two", b"a") is None
        session.set_learned("one", b"a", None)
        assert session.learned("one", b"a") is None

    journal.write(work)


def test_an_unusable_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(
        b"not a database, but long enough to be read" * 50
    )
    with pytest.raises(StoreUnavailable):
        SqliteJournal(tmp_path / "journal.sqlite").last()


def test_a_locked_file_is_waited_for_only_so_long(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite", timeout=0.1)
    journal.write(lambda session: session.drop(b"x"))
    other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        journal.write(lambda session: session.drop(b"x"))
    other.close()

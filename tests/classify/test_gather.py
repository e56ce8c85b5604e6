"""Labelled mail into a training set."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from filterd.classify import open_journal, open_learner
from filterd.classify.corpus import messages
from filterd.classify.gather import arrived, from_journal, from_paths, kind_of
from filterd.classify.learner import Said
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import TrainingSet
from filterd.core.labels import Kind
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail, fill
from tests.support.builders import a_message


def test_paths_give_sources_times_and_names_and_duplicates_count_once(tmp_path: Path) -> None:
    first = fill(tmp_path / "one", 3, is_spam=True, month=2)
    second = fill(tmp_path / "two", 4, is_spam=True, month=2)  # 3 of them again
    with TrainingSet() as examples:
        assert from_paths(messages([first, second], True), examples, by_kind=False) == 3
        assert examples.sources == [str(first), str(second)]
        assert examples.source.tolist() == [0, 0, 0, 1]
        assert examples.name(3) == str(second / "00003.eml")
        when = datetime.fromtimestamp(examples.at[1], UTC)
        assert (when.year, when.month, when.day) == (2025, 2, 2)


def test_the_same_mail_with_two_labels_is_kept_twice(tmp_path: Path) -> None:
    folder = fill(tmp_path / "one", 1, is_spam=True)
    with TrainingSet() as examples:
        from_paths(messages([folder], True), examples, by_kind=False)
        assert from_paths(messages([folder], False), examples, by_kind=False) == 0
        assert len(examples) == 2


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("Subject: x\n\nhi\n", "direct plain"),
        ("List-Id: <a.example>\nContent-Type: text/html\n\n<p>hi\n", "list html"),
    ],
)
def test_kinds_stand_in_for_sources(raw: str, kind: str) -> None:
    assert kind_of(a_message(raw)) == kind


@pytest.mark.parametrize(
    ("raw", "when"),
    [
        ("Date: Fri, 21 Nov 2025 10:00:00 +0000\n\n", 1763719200.0),
        ("Date: Fri, 21 Nov 1925 10:00:00 +0000\n\n", 0.0),
        ("Subject: x\n\n", 0.0),
    ],
    ids=["Date", "made up", "none"],
)
def test_when_a_message_arrived(raw: str, when: float) -> None:
    assert arrived(a_message(raw)) == when


def test_the_journal_gives_what_holds(tmp_path: Path) -> None:
    learner = open_learner(ClassifierSettings(), tmp_path)
    mails = [Message.from_bytes(a_mail(n, is_spam=True)) for n in range(4)]
    learner.learn([Said(m, Kind.SPAM, 100.0 + n, name=str(n)) for n, m in enumerate(mails)])
    learner.learn([Said(mails[1], Kind.HAM, 200.0, name="1")])
    learner.learn([Said(mails[2], Kind.FORGET, 201.0)])
    with TrainingSet() as examples:
        assert from_journal(open_journal(tmp_path), examples) == 0
        assert [examples.name(n) for n in range(3)] == ["0", "3", "1"]
        assert examples.is_spam.tolist() == [True, True, False]

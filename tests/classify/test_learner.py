"""Labels: in force at once, the last human one wins, each can be taken back exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from filterd.classify import open_classifier, open_learner
from filterd.classify.home import LiveClassifier
from filterd.classify.learner import Learner, Outcome, Said, identity
from filterd.classify.live import LiveModel
from filterd.classify.settings import ClassifierSettings
from filterd.core.labels import Kind
from filterd.mail.message import Message
from tests.support.builders import a_message

SETTINGS = ClassifierSettings()


def a_mail(number: int, words: str = "the quarterly report is attached") -> Message:
    return a_message(
        f"From: Person {number} <p{number}@a{number}.example>\nTo: bob@example.net\n"
        f"Subject: matter {number}\nMessage-ID: <{number}@a.example>\n\n{words} {number}\n"
    )


@pytest.fixture
def learner(tmp_path: Path) -> Learner:
    return open_learner(SETTINGS, tmp_path)


@pytest.fixture
def classifier(tmp_path: Path) -> LiveClassifier:
    found = open_classifier(SETTINGS, tmp_path)
    assert found is not None
    return found


def odds(classifier: LiveClassifier, message: Message) -> float:
    opinion = classifier.classify(message)
    assert opinion is not None
    return opinion.points


def say(learner: Learner, kind: Kind, *messages: Message, **facts: object) -> list[Outcome]:
    at = facts.pop("at", 1000.0)
    return learner.learn([Said(m, kind, at, **facts) for m in messages])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Kind.SPAM, Kind.HAM])
def test_one_correction_holds_at_once_in_a_classifier_opened_before(
    learner: Learner, classifier: LiveClassifier, kind: Kind
) -> None:
    message = a_mail(1)
    assert say(learner, kind, message) == [Outcome.LEARNED]
    points = odds(classifier, message)
    assert points > 0 if kind is Kind.SPAM else points < 0


def test_a_second_label_is_seen_without_any_reopening(
    learner: Learner, classifier: LiveClassifier
) -> None:
    for number in range(20):
        say(learner, Kind.SPAM if number % 2 else Kind.HAM, a_mail(number))
    message = a_mail(99, "cheap watches, order now")
    before = odds(classifier, message)
    say(learner, Kind.SPAM, message)
    assert odds(classifier, message) > before


def test_the_same_message_again_changes_nothing(learner: Learner, tmp_path: Path) -> None:
    message = a_mail(1)
    say(learner, Kind.SPAM, message)
    before = (tmp_path / "classifier/live-none.weights").read_bytes()
    travelled = a_message(b"Received: by other\nX-Spam-Flag: YES\n" + message.raw)
    assert say(learner, Kind.SPAM, travelled) == [Outcome.KNOWN]
    assert (tmp_path / "classifier/live-none.weights").read_bytes() == before


def test_the_last_human_label_wins(learner: Learner, classifier: LiveClassifier) -> None:
    message = a_mail(1)
    say(learner, Kind.SPAM, message)
    assert say(learner, Kind.HAM, message) == [Outcome.CHANGED]
    assert odds(classifier, message) < 0
    assert say(learner, Kind.SPAM, message, origin="auto") == [Outcome.KNOWN]
    assert odds(classifier, message) < 0


def test_a_human_overrules_a_machine(learner: Learner, classifier: LiveClassifier) -> None:
    message = a_mail(1)
    say(learner, Kind.SPAM, message, origin="auto")
    assert say(learner, Kind.HAM, message) == [Outcome.CHANGED]
    assert odds(classifier, message) < 0


def _weights(tmp_path: Path) -> NDArray[np.float32]:
    live = LiveModel.open(tmp_path / "classifier/live-none.weights")
    found: NDArray[np.float32] = live.weights.tables.weights.copy()
    return found


def test_forget_takes_back_exactly_what_was_learned(learner: Learner, tmp_path: Path) -> None:
    for number in range(6):
        say(learner, Kind.SPAM if number % 2 else Kind.HAM, a_mail(number))
    before = _weights(tmp_path)
    message = a_mail(50, "unlike the others altogether")
    say(learner, Kind.SPAM, message)
    assert not np.allclose(_weights(tmp_path), before)
    assert say(learner, Kind.FORGET, message) == [Outcome.FORGOTTEN]
    assert np.allclose(_weights(tmp_path), before, atol=1e-6)
    assert say(learner, Kind.FORGET, message) == [Outcome.UNKNOWN]


def test_unlearn_takes_back_one_users_labels_from_then_on(
    learner: Learner, tmp_path: Path
) -> None:
    say(learner, Kind.SPAM, a_mail(1), user="ann", at=100.0)
    say(learner, Kind.HAM, a_mail(2), user="bob", at=150.0)
    before = _weights(tmp_path)
    say(learner, Kind.HAM, a_mail(3), a_mail(4), user="ann", at=200.0)
    assert learner.unlearn("ann", since=200.0, at=300.0) == 2
    assert np.allclose(_weights(tmp_path), before, atol=1e-6)


def test_unlearning_a_changed_label_brings_the_one_before_back(
    learner: Learner, classifier: LiveClassifier
) -> None:
    message = a_mail(1)
    say(learner, Kind.SPAM, message, user="bob", at=100.0)
    say(learner, Kind.HAM, message, user="ann", at=200.0)
    assert odds(classifier, message) < 0
    learner.unlearn("ann", since=150.0, at=300.0)
    assert odds(classifier, message) > 0


@pytest.mark.parametrize("first", [{"user": "mallory"}, {"origin": "auto"}], ids=str)
def test_who_says_the_same_stands_by_it(
    learner: Learner, classifier: LiveClassifier, first: dict[str, object]
) -> None:
    message = a_mail(1)
    say(learner, Kind.SPAM, message, at=100.0, **first)
    assert (
        say(learner, Kind.SPAM, message, message, user="ann", at=110.0) == [Outcome.KNOWN] * 2
    )
    assert say(learner, Kind.SPAM, message, user="ann", at=120.0) == [Outcome.KNOWN]
    assert say(learner, Kind.HAM, message, origin="auto", at=130.0) == [Outcome.KNOWN]
    learner.unlearn("mallory", since=0.0, at=200.0)
    assert odds(classifier, message) > 0
    assert learner.unlearn("ann", since=0.0, at=300.0) == 1
    assert say(learner, Kind.FORGET, message) == [
        Outcome.UNKNOWN if "user" in first else Outcome.FORGOTTEN
    ]


def test_what_is_said_after_unlearning_counts_again(
    learner: Learner, classifier: LiveClassifier
) -> None:
    message = a_mail(1)
    say(learner, Kind.SPAM, message, user="ann", at=100.0)
    learner.unlearn("ann", since=0.0, at=200.0)
    assert say(learner, Kind.SPAM, message, user="ann", at=300.0) == [Outcome.LEARNED]
    assert odds(classifier, message) > 0


def test_another_learner_on_the_same_folder_goes_on(learner: Learner, tmp_path: Path) -> None:
    say(learner, Kind.SPAM, a_mail(1))
    other = open_learner(SETTINGS, tmp_path)
    assert say(other, Kind.SPAM, a_mail(1)) == [Outcome.KNOWN]
    assert say(other, Kind.HAM, a_mail(2)) == [Outcome.LEARNED]
    live = LiveModel.open(tmp_path / "classifier/live-none.weights")
    assert (live.spam, live.ham, live.position) == (1, 1, 2)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda raw: raw.replace(b"\r\n", b"\n"), True),
        (lambda raw: b"Received: by x\r\nX-Spam-Status: No\r\n" + raw, True),
        (lambda raw: raw + b"\r\n\r\n", True),
        (lambda raw: raw.replace(b"report", b"rapport"), False),
        (lambda raw: raw.replace(b"Subject: matter", b"Subject: Matter"), False),
        (lambda raw: raw.replace(b"p1@", b"p2@"), False),
    ],
    ids=["line ends", "trace fields", "empty lines at the end", "body", "subject", "author"],
)
def test_identity(change: object, same: bool) -> None:
    raw = a_mail(1).raw
    assert callable(change)
    other = Message.from_bytes(change(raw))
    assert (identity(other) == identity(Message.from_bytes(raw))) is same

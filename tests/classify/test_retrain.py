"""Retraining: publish what helps, refuse what would harm known ham, write down both."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest

from filterd.classify import open_classifier
from filterd.classify.corpus import messages
from filterd.classify.features import extract
from filterd.classify.gather import from_paths
from filterd.classify.home import LiveClassifier
from filterd.classify.publish import history, published, rollback
from filterd.classify.report import findings, html, write
from filterd.classify.retrain import Gate, Retrained, retrain
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import TrainingSet
from filterd.core.errors import ConfigError
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail, fill

SETTINGS = ClassifierSettings(confirm=20)


def open_(state: Path) -> LiveClassifier:
    classifier = open_classifier(SETTINGS, state)
    assert classifier is not None
    return classifier


def run(
    state: Path, spam: list[Path], ham: list[Path], *, now: float = 1e9, forced: bool = False
) -> tuple[Retrained, dict[str, object]]:
    with TrainingSet() as examples:
        from_paths(chain(messages(spam, True), messages(ham, False)), examples, by_kind=False)
        done = retrain(
            examples,
            SETTINGS,
            open_(state),
            journal_position=0,
            now=now,
            notes={},
            is_forced=forced,
        )
        return done, findings(examples, done, 1.0)


@pytest.fixture
def good(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    spam = fill(tmp_path / "spam", 60, is_spam=True)
    ham = fill(tmp_path / "ham", 80, is_spam=False, start=200)
    return [spam], [ham]


def test_a_good_model_is_published_and_a_running_classifier_uses_it(
    tmp_path: Path, good: tuple[list[Path], list[Path]]
) -> None:
    state = tmp_path / "state"
    running = open_(state)
    message = Message.from_bytes(a_mail(500, is_spam=True))
    before = running.classify(message)
    done, _ = run(state, *good)
    assert done.is_published
    assert running.home.current() == done.id
    after = running.classify(message)
    assert before is not None
    assert after is not None
    assert not before.confirmed
    assert after.confirmed
    assert after.probability > 0.8
    ham = running.classify(Message.from_bytes(a_mail(501, is_spam=False)))
    assert ham is not None
    assert ham.probability < 0.2


def test_the_same_mail_gives_the_same_model(
    tmp_path: Path, good: tuple[list[Path], list[Path]]
) -> None:
    first, _ = run(tmp_path / "one", *good)
    second, _ = run(tmp_path / "two", *good, now=2e9)
    assert first.id == second.id
    again, _ = run(tmp_path / "one", *good, now=3e9)
    assert again.id == first.id
    assert len(published(open_(tmp_path / "one").home)) == 1


def test_mail_labelled_the_wrong_way_round_is_not_published(
    tmp_path: Path, good: tuple[list[Path], list[Path]]
) -> None:
    state = tmp_path / "state"
    first, _ = run(state, *good)
    spam, ham = good
    done, found = run(state, ham, spam, now=2e9)
    assert not done.is_published
    assert "known ham" in done.gate.refusal
    assert done.gate.wronged
    assert open_(state).home.current() == first.id
    assert found["published"] is False
    assert "not published" in html(found)


def test_most_of_the_ham_labelled_spam_is_not_published(
    tmp_path: Path, good: tuple[list[Path], list[Path]]
) -> None:
    state = tmp_path / "state"
    first, _ = run(state, *good)
    poisoned = fill(tmp_path / "poison", 240, is_spam=False, start=300)
    done, _ = run(state, [*good[0], poisoned], good[1], now=2e9)
    assert not done.is_published
    assert open_(state).home.current() == first.id


def test_force_publishes_all_the_same(
    tmp_path: Path, good: tuple[list[Path], list[Path]]
) -> None:
    state = tmp_path / "state"
    run(state, *good)
    spam, ham = good
    done, _ = run(state, ham, spam, now=2e9, forced=True)
    assert done.is_published


def test_too_little_mail_is_refused(tmp_path: Path) -> None:
    spam = fill(tmp_path / "spam", 3, is_spam=True)
    ham = fill(tmp_path / "ham", 30, is_spam=False)
    with pytest.raises(ConfigError, match="too few"):
        run(tmp_path / "state", [spam], [ham])


def test_roll_back_and_forth(tmp_path: Path, good: tuple[list[Path], list[Path]]) -> None:
    state = tmp_path / "state"
    first, _ = run(state, *good)
    more = fill(tmp_path / "more", 40, is_spam=True, start=200)
    second, _ = run(state, [*good[0], more], good[1], now=2e9)
    home = open_(state).home
    assert home.current() == second.id != first.id
    assert rollback(home, None, 3e9) == first.id
    assert home.current() == first.id
    assert rollback(home, second.id, 4e9) == second.id
    assert rollback(home, "none", 5e9) == "none"
    assert [entry.by for entry in history(home)] == [
        "start", "retrain", "retrain", "rollback", "rollback", "rollback",
    ]  # fmt: skip
    running = open_(state)
    assert running.refresh().is_local_empty


def test_rolling_back_to_what_never_was_is_an_error(tmp_path: Path) -> None:
    home = open_(tmp_path).home
    with pytest.raises(ConfigError, match="no earlier model"):
        rollback(home, None, 1.0)
    with pytest.raises(ConfigError, match="no model"):
        rollback(home, "feed", 1.0)


def test_live_weights_score_as_the_published_model(
    tmp_path: Path, good: tuple[list[Path], list[Path]]
) -> None:
    state = tmp_path / "state"
    done, _ = run(state, *good)
    live = open_(state).refresh().live
    assert live is not None
    features = extract(Message.from_bytes(a_mail(700, is_spam=True)))
    assert live.weights.score(features) == pytest.approx(
        done.trained.model.weights.score(features), abs=1e-5
    )
    assert (live.spam, live.ham) == (60, 80)


@pytest.mark.parametrize(
    ("gate", "refused"),
    [
        (Gate(100, 0, 0, 50, 0, 0), ""),
        (Gate(100, 2, 2, 50, 0, 1), ""),
        (Gate(100, 0, 1, 50, 0, 0), "known ham"),
        (Gate(100, 0, 0, 50, 0, 2), "newest ham"),
        (Gate(100, 3, 3, 50, 3, 3), ""),
        (Gate(9000, 0, 0, 1000, 0, 5), ""),
        (Gate(9000, 0, 0, 1000, 0, 6), "95 %"),
        (Gate(100, 0, 0, 100, 0, 0, 0, 5), ""),
        (Gate(100, 0, 0, 100, 0, 0, 0, 6), "50 %"),
        (Gate(100, 0, 0, 100, 0, 0, 20, 20), ""),
    ],
)
def test_the_gate(gate: Gate, refused: str) -> None:
    assert refused in gate.refusal
    assert bool(gate.refusal) is bool(refused)


def test_the_report_has_pictures_names_and_numbers(
    tmp_path: Path, good: tuple[list[Path], list[Path]]
) -> None:
    done, found = run(tmp_path / "state", *good)
    data, page = write(tmp_path, found)
    read = json.loads(data.read_text())
    assert read["model"] == done.id
    assert [row["probability"] for row in read["confusion"]] == [0.5, 0.8, 0.95, 0.99]
    row = read["confusion"][0]
    assert row["spam_caught"] + row["spam_missed"] == read["held_out"]["spam"] == 12
    assert {entry["month"] for entry in read["months"]} == {"2025-01"}
    assert len(read["sources"]) == 2
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 3
    assert 'src="http' not in text

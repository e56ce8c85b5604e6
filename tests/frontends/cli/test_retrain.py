"""Retraining from the command line, from paths and from the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.classify.mailbox import fill
from tests.frontends.cli.test_learn import Call, answer, filterd, probability

__all__ = ["filterd"]


@pytest.fixture
def mail(tmp_path: Path) -> tuple[Path, Path]:
    spam = fill(tmp_path / "spam", 40, is_spam=True)
    return spam, fill(tmp_path / "ham", 60, is_spam=False)


def test_from_paths(filterd: Call, mail: tuple[Path, Path], tmp_path: Path) -> None:
    spam, ham = mail
    status, _ = filterd(
        "retrain", "--spam", spam, "--ham", ham, "--report", tmp_path / "report"
    )
    assert status == 0
    assert "data:image/png" in (tmp_path / "report" / "report.html").read_text()
    assert probability(filterd, spam / "00003.eml") > 0.8
    assert probability(filterd, ham / "00003.eml") < 0.2
    shown = answer(filterd("model", "list", "--json"))
    assert shown["in_force"] == shown["models"][0]["id"]


def test_from_the_journal_the_same_labels_give_the_same_model(
    filterd: Call, mail: tuple[Path, Path]
) -> None:
    spam, ham = mail
    filterd("learn", "spam", spam)
    filterd("learn", "ham", ham)
    first = answer(filterd("retrain", "--json"))
    second = answer(filterd("retrain", "--json"))
    assert first["published"] is second["published"] is True
    assert first["model"] == second["model"]
    assert first["trained_on"] == {"spam": 40, "ham": 60, "skipped": 0}


def test_a_label_given_after_retraining_counts(filterd: Call, mail: tuple[Path, Path]) -> None:
    spam, ham = mail
    filterd("retrain", "--spam", spam, "--ham", ham)
    filterd("learn", "ham", spam / "00005.eml")
    assert probability(filterd, spam / "00005.eml") < 0.2


def test_labels_of_the_journal_outlive_a_training_on_paths(
    filterd: Call, mail: tuple[Path, Path]
) -> None:
    spam, ham = mail
    filterd("learn", "ham", spam / "00005.eml")
    filterd("retrain", "--spam", spam, "--ham", ham)
    assert probability(filterd, spam / "00005.eml") < 0.2


def test_a_dry_run_publishes_nothing(filterd: Call, mail: tuple[Path, Path]) -> None:
    spam, ham = mail
    found = answer(filterd("retrain", "--spam", spam, "--ham", ham, "--dry-run", "--json"))
    assert found["published"] is False
    assert answer(filterd("model", "list", "--json"))["in_force"] == "none"


def test_what_harms_ham_is_status_1_and_the_old_model_stays(
    filterd: Call, mail: tuple[Path, Path]
) -> None:
    spam, ham = mail
    filterd("retrain", "--spam", spam, "--ham", ham)
    before = answer(filterd("model", "list", "--json"))["in_force"]
    status, output = filterd("retrain", "--spam", ham, "--ham", spam)
    assert status == 1
    assert "not published" in output
    assert answer(filterd("model", "list", "--json"))["in_force"] == before


def test_wrong_usage_is_status_2(filterd: Call, mail: tuple[Path, Path]) -> None:
    assert filterd("retrain", "--spam", mail[0])[0] == 2
    status, output = filterd("retrain")
    assert status == 2
    assert "too few" in output

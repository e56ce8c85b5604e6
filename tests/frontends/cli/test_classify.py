"""What the classifier alone says, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.classify.mailbox import fill
from tests.frontends.cli.test_learn import Call, answer, filterd

__all__ = ["filterd"]


def test_tokens_sum_to_the_points(filterd: Call, tmp_path: Path) -> None:
    mail = fill(tmp_path / "mail", 1, is_spam=True) / "00000.eml"
    found = answer(filterd("classify", mail, "--tokens", "--top", "30", "--json"))
    assert 0 < found["probability"] < 1
    assert found["confirmed"] is False
    assert sum(points for _, points in found["tokens"]) == pytest.approx(
        found["points"], abs=1e-3
    )
    assert len(found["tokens"]) == 31


def test_a_person_reads_points_and_words(filterd: Call, tmp_path: Path) -> None:
    mail = fill(tmp_path / "mail", 1, is_spam=True) / "00000.eml"
    status, output = filterd("classify", mail, "--tokens")
    assert status == 0
    assert "points)" in output
    assert "all others" in output


def test_a_missing_file_is_status_2(filterd: Call) -> None:
    assert filterd("classify", "/no/such/file")[0] == 2


def test_without_any_model_it_is_not_now(filterd: Call, tmp_path: Path) -> None:
    mail = fill(tmp_path / "mail", 1, is_spam=True) / "00000.eml"
    status, output = filterd("-s", "classifier.model=/no/such/model", "classify", mail)
    assert status == 75
    assert "no usable model" in output

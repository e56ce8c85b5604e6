"""Which models there are, and going back."""

from __future__ import annotations

from pathlib import Path

from tests.classify.mailbox import fill
from tests.frontends.cli.test_learn import Call, answer, filterd

__all__ = ["filterd"]


def test_show_and_roll_back(filterd: Call, tmp_path: Path) -> None:
    spam = fill(tmp_path / "spam", 30, is_spam=True)
    ham = fill(tmp_path / "ham", 30, is_spam=False)
    shown = answer(filterd("model", "show", "--json"))
    assert shown["trained_on"][0]["corpus"] == "spamassassin"  # nothing local: the shipped one
    filterd("retrain", "--spam", spam, "--ham", ham)
    first = answer(filterd("model", "list", "--json"))["in_force"]
    assert answer(filterd("model", "show", first[:8], "--json"))["messages_spam"] == 30
    more = fill(tmp_path / "more", 20, is_spam=True, start=500)
    filterd("retrain", "--spam", spam, "--spam", more, "--ham", ham)
    assert answer(filterd("model", "rollback", "--json"))["in_force"] == first
    assert answer(filterd("model", "rollback", "none", "--json"))["in_force"] == "none"
    status, output = filterd("model", "list")
    assert status == 0
    assert first in output


def test_an_unknown_model_is_status_2(filterd: Call) -> None:
    assert filterd("model", "show", "feedfeed")[0] == 2
    assert filterd("model", "rollback", "feedfeed")[0] == 2
    assert filterd("model", "rollback")[0] == 2
    assert filterd("model", "show", "shipped")[0] == 0

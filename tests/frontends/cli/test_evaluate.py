"""Measuring from the command line; the keys are a promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.classify.mailbox import a_mail, fill
from tests.frontends.cli.test_learn import Call, answer, filterd

__all__ = ["filterd"]

KEYS = {
    "messages", "spam", "ham", "one_minus_auc_percent", "fp_at_fn_1_percent",
    "fn_at_fp_0_1_percent", "misclassified_spam_percent", "misclassified_ham_percent",
    "messages_per_second",
}  # fmt: skip


def test_online_prints_the_keys_with_and_without_json(filterd: Call, tmp_path: Path) -> None:
    lines = []
    for number in range(12):
        kind = "spam" if number % 3 else "ham"
        (tmp_path / f"m{number}").write_bytes(a_mail(number, is_spam=kind == "spam"))
        lines.append(f"{kind} m{number}")
    index = tmp_path / "index"
    index.write_text("\n".join(lines) + "\n")
    found = answer(filterd("evaluate", "--online", index, "--json"))
    assert set(found) == KEYS
    assert (found["messages"], found["spam"], found["ham"]) == (12, 8, 4)
    assert (
        answer(filterd("evaluate", "--online", index, "--limit", "5", "--json"))["messages"]
        == 5
    )
    status, output = filterd("evaluate", "--online", index)
    assert status == 0
    assert {line.split()[0] for line in output.splitlines() if line} >= KEYS


@pytest.mark.parametrize("way", [(), ("--cross-validate",), ("--chronological",)])
def test_on_ones_own_mail(filterd: Call, tmp_path: Path, way: tuple[str, ...]) -> None:
    spam = fill(tmp_path / "spam", 20, is_spam=True)
    ham = fill(tmp_path / "ham", 30, is_spam=False)
    found = answer(filterd("evaluate", "--spam", spam, "--ham", ham, *way, "--json"))
    assert found["one_minus_auc_percent"] is not None


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--spam", "."),
        ("--online", "."),
        ("--spam", ".", "--ham", ".", "--cross-validate", "--chronological"),
    ],
)
def test_wrong_usage_is_status_2(filterd: Call, arguments: tuple[str, ...]) -> None:
    assert filterd("evaluate", *arguments)[0] == 2


def test_an_index_with_a_missing_file_is_status_2(filterd: Call, tmp_path: Path) -> None:
    (tmp_path / "index").write_text("spam not-there\n")
    status, output = filterd("evaluate", "--online", tmp_path / "index")
    assert status == 2
    assert "not-there" in output

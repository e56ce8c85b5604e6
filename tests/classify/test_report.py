"""The page says what went wrong, safely."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from filterd.classify.report import html


def found(**changes: Any) -> dict[str, Any]:
    return {
        "model": "abc",
        "published": True,
        "refusal": "",
        "in_force_before": "none",
        "trained_on": {"spam": 1, "ham": 2, "skipped": 0},
        "seconds": 1.0,
        "held_out": {"messages": 3, "one_minus_auc_percent": None},
        "canary": {"messages": 1, "wronged": []},
        "confusion": [],
        "roc": [[0.0, 0.5], [1.0, 0.0]],
        "reliability": [{"messages": 1, "probability": 0.5, "spam": 0.5}],
        "sources": [],
        "months": [],
        "worst": {"ham_called_spam": [], "spam_called_ham": []},
        **changes,
    }


def test_names_from_mail_cannot_break_the_page() -> None:
    evil = {"ham_called_spam": [{"name": "<script>alert(1)</script>"}], "spam_called_ham": []}
    page = html(found(worst=evil))
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_without_matplotlib_the_page_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "filterd[report]" in html(found())


def test_a_refusal_is_said_first() -> None:
    assert "not published: too bold" in html(found(published=False, refusal="too bold"))


def test_a_slice_of_one_class_has_a_page_too() -> None:
    assert "<img" in html(found(roc=[], reliability=[]))

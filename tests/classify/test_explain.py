"""Tokens a person can read: whole words, named by where they stand, exact in sum."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.explain import MAX_NAME, tokens
from filterd.classify.features import extract
from tests.support.builders import a_message

MESSAGE = (
    "From: Prize Desk <win@lucky.example>\nSubject: Winner\nX-Odd: \x01\x02 value\n\n"
    "Claim your extraordinary prize today at http://win.example/claim\n"
)


def _even() -> list[tuple[str, float]]:
    features = extract(a_message(MESSAGE))
    return tokens(features, np.ones(len(features.slots), dtype=np.float32), 10_000)


def test_nothing_is_lost_when_grams_become_words() -> None:
    features = extract(a_message(MESSAGE))
    chance = np.random.default_rng(1)
    shares = chance.normal(size=len(features.slots)).astype(np.float32)
    named = tokens(features, shares, 10_000)
    assert sum(share for _, share in named) == pytest.approx(float(shares.sum()), abs=1e-3)


def test_words_are_whole_and_say_where_they_stand() -> None:
    names = {name for name, _ in _even()}
    expected = {
        "body extraordinary",
        "author Winner",
        "header Desk",
        "text prize",
        "host win.example",
    }
    assert expected <= names
    assert {"subject: winner", "x-odd: value", "from site lucky.example"} <= names


def test_strongest_first_and_no_more_than_asked_for() -> None:
    features = extract(a_message(MESSAGE))
    shares = np.zeros(len(features.slots), dtype=np.float32)
    shares[-3:] = (0.5, -2.0, 1.0)
    assert [share for _, share in tokens(features, shares, 2)] == [-2.0, 1.0]
    assert tokens(features, shares, 0) == []


def test_names_are_one_bounded_printable_line() -> None:
    wild = a_message("From: a@b.example\n\n" + "x" * 300 + " \x1b[31mred \u202eevil\n")
    features = extract(wild)
    for name, _ in tokens(features, np.ones(len(features.slots), dtype=np.float32), 10_000):
        assert len(name) <= MAX_NAME
        assert name.isprintable()


def test_a_message_without_anything_has_no_tokens() -> None:
    features = extract(a_message(""))
    assert tokens(features, np.zeros(len(features.slots), dtype=np.float32), 5) == []

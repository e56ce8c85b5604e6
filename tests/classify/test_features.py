"""Features: any message has them, bounded in number; runs of groups are views."""

from __future__ import annotations

import numpy as np
import pytest

from filterd.classify.features import GROUPS, SHIPPED_VIEWS, VIEWS, extract
from filterd.classify.hashing import MAX_FEATURES, SLOT_BITS
from tests.support.builders import a_message

PLAIN = "From: Ann <ann@a.example>\nSubject: Lunch\n\nShall we have lunch at noon?\n"


def test_groups_follow_each_other_and_slots_are_distinct() -> None:
    features = extract(a_message(PLAIN))
    assert features.bounds[0] == 0
    assert features.bounds[-1] == len(features.slots) == len(set(features.slots.tolist()))
    assert list(features.bounds) == sorted(features.bounds)
    assert int(features.slots.max()) < 1 << SLOT_BITS


def test_a_view_is_a_run_of_groups() -> None:
    features = extract(a_message(PLAIN))
    for view, groups in (
        ("words", ("words", "shape")),
        ("letter", ("head", "fields", "words", "shape")),
    ):
        start, stop = features.run(view)
        expected = np.concatenate([features.group(name) for name in groups])
        assert np.array_equal(features.slots[start:stop], expected)


def test_without_local_labels_the_sites_own_fields_are_not_read() -> None:
    features = extract(a_message(PLAIN), is_local=False)
    assert not len(features.group("head"))
    assert not len(features.group("fields"))
    full = extract(a_message(PLAIN))
    for view in SHIPPED_VIEWS:
        for name in GROUPS[VIEWS[view].first : VIEWS[view].last + 1]:
            assert np.array_equal(features.group(name), full.group(name)), name


def test_the_same_message_has_the_same_features() -> None:
    assert np.array_equal(extract(a_message(PLAIN)).slots, extract(a_message(PLAIN)).slots)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "\n",
        "From:\nSubject:\n\n",
        "X: y\n" * 5000 + "\n" + "word " * 20_000,
        "Subject: " + "a b " * 9000 + "\n\n" + "\u4f60\u597d" * 9000,
    ],
    ids=["nothing", "empty header", "empty fields", "many fields", "long"],
)
def test_any_message_has_bounded_features(raw: str) -> None:
    assert len(extract(a_message(raw)).slots) <= MAX_FEATURES


def test_encoded_and_plain_words_are_the_same() -> None:
    plain = extract(a_message("From: a@b.example\nSubject: gr\u00fcne Woche\n\nhi\n"))
    encoded = extract(
        a_message("From: a@b.example\nSubject: =?utf-8?q?gr=C3=BCne_Woche?=\n\nhi\n")
    )
    assert np.array_equal(plain.group("authored"), encoded.group("authored"))
    assert np.array_equal(plain.group("words"), encoded.group("words"))

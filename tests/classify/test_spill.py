"""A training set on disk gives back what was put in, in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from filterd.classify.features import extract
from filterd.classify.spill import Example, TrainingSet
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail


def test_features_labels_and_names_come_back_in_any_order(tmp_path: Path) -> None:
    mails = [extract(Message.from_bytes(a_mail(n, is_spam=n % 2 == 0))) for n in range(5)]
    with TrainingSet(tmp_path) as examples:
        for number, features in enumerate(mails):
            source = "even" if number % 2 == 0 else "odd"
            examples.add(
                features, Example(number % 2 == 0, float(number), source, f"mail {number} é")
            )
        for number in (3, 0, 4, 1, 2):
            read = examples.features(number)
            assert np.array_equal(read.slots, mails[number].slots)
            assert read.bounds == mails[number].bounds
            assert examples.name(number) == f"mail {number} é"
        assert examples.is_spam.tolist() == [True, False, True, False, True]
        assert examples.at.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert [examples.sources[n] for n in examples.source] == ["even", "odd"] * 2 + ["even"]


def test_adding_goes_on_after_reading(tmp_path: Path) -> None:
    features = extract(Message.from_bytes(a_mail(1, is_spam=True)))
    with TrainingSet(tmp_path) as examples:
        for number in range(3):
            examples.add(features, Example(True, 0.0, "s", str(number)))
            assert examples.name(0) == "0"
        assert [examples.name(n) for n in range(3)] == ["0", "1", "2"]


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    with TrainingSet(tmp_path) as examples:
        examples.add(extract(Message.from_bytes(b"")), Example(True, 0.0, "s", ""))
        assert list(tmp_path.iterdir()) == []

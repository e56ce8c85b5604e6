"""Replaying a stream: each message is scored before it is learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.classify.online import replay
from filterd.classify.settings import ClassifierSettings
from tests.classify.mailbox import a_mail
from tests.support.shared import corpus


def test_the_first_message_is_judged_by_nobody_and_the_last_by_all(tmp_path: Path) -> None:
    stream = []
    for number in range(40):
        is_spam = number % 2 == 0
        path = tmp_path / str(number)
        path.write_bytes(a_mail(number, is_spam=is_spam))
        stream.append((is_spam, path))
    done = replay(stream, ClassifierSettings(), None)
    assert done.scored[0] == (str(tmp_path / "0"), True, 0.0)
    assert all((odds > 0) is is_spam for _, is_spam, odds in done.scored[20:])
    assert done.figures.messages == 40
    assert done.figures.messages_per_second is not None


def test_a_gap_in_the_stream_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replay([(True, tmp_path / "none")], ClassifierSettings(), None)


@pytest.mark.slow
def test_the_record_on_the_first_of_trec07p() -> None:
    """2,000 messages of the 15,000: plain logistic regression on 4-grams has 0.09 % here."""
    folder = corpus("trec07p-000001-015000")
    numbered = {
        int(path.name.rpartition(".")[2]): (kind == "spam", path)
        for kind in ("ham", "spam")
        for path in (folder / "trec07p" / kind).iterdir()
    }
    done = replay([numbered[n] for n in range(1, 2001)], ClassifierSettings(), None)
    assert done.figures.one_minus_auc_percent is not None
    assert done.figures.one_minus_auc_percent < 0.06

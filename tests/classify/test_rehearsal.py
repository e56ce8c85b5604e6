"""Rehearsal: what was learned stays learned, whatever order labels come in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterd.classify import rehearsal as rehearsals
from filterd.classify.features import Features, extract
from filterd.classify.live import LiveModel
from filterd.classify.rehearsal import Kept, Rehearsal, learn
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail


def some(number: int, *, is_spam: bool) -> Kept:
    features = extract(Message.from_bytes(a_mail(number, is_spam=is_spam)))
    return Kept(b"%032d" % number, is_spam, features)


def test_all_of_one_class_and_then_all_of_the_other() -> None:
    live, kept = LiveModel.in_memory(), Rehearsal.in_memory()
    with kept.locked():
        for number in range(30):
            learn(live, kept, some(number, is_spam=False))
        for number in range(30, 60):
            learn(live, kept, some(number, is_spam=True))
    for number in range(60, 70):
        assert live.weights.score(some(number, is_spam=False).features) < 0
        assert live.weights.score(some(number, is_spam=True).features) > 0


def test_a_class_alone_teaches_only_its_mistakes() -> None:
    live, kept = LiveModel.in_memory(), Rehearsal.in_memory()
    with kept.locked():
        step, again = learn(live, kept, some(1, is_spam=False), is_settled=True)
        assert not any(step.steps)
        assert not again
        step, _ = learn(live, kept, some(2, is_spam=False), is_settled=False)
        assert all(step.steps)
    assert (live.spam, live.ham) == (0, 2)


def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.slots"
    first, second = some(1, is_spam=True), some(2, is_spam=True)
    kept = Rehearsal.open(path)
    with kept.locked():
        kept.keep(first)
        kept.keep(second)
    kept.close()
    again = Rehearsal.open(path)
    with again.locked():
        found = again.some(True, 8)
        assert {one.digest for one in found} == {first.digest, second.digest}
        assert all(one.is_spam for one in found)
        read = next(one for one in found if one.digest == first.digest)
        assert np.array_equal(read.features.slots, first.features.slots)
        assert read.features.bounds == first.features.bounds
        again.drop(first.digest, True)
        assert {one.digest for one in again.some(True, 8)} == {second.digest}
        assert again.some(False, 8) == []
    again.close()
    assert path.stat().st_blocks * 512 < 1 << 20  # sparse


def test_a_full_class_keeps_a_sample_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsals, "ROWS", 8)
    kept = Rehearsal.in_memory()
    features = Features(np.arange(10), (0, 2, 4, 5, 6, 7, 9, 10))
    with kept.locked():
        for number in range(200):
            digest = (number * 0x9E3779B97F4A7C15 & (1 << 64) - 1).to_bytes(8, "big")
            kept.keep(Kept(digest.ljust(32, b"\0"), False, features))
        found = {one.digest for one in kept.some(False, 200)}
    numbers = {int.from_bytes(d[:8], "big") * 0xF1DE83E19937733D & (1 << 64) - 1 for d in found}
    assert len(numbers) == 8
    assert min(numbers) < 100 < max(numbers)


@pytest.mark.parametrize("raw", [b"", b"x" * 5000, bytes(100)], ids=["empty", "text", "short"])
def test_a_file_of_another_kind_is_begun_anew(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "rehearsal.slots"
    path.write_bytes(raw)
    kept = Rehearsal.open(path)
    with kept.locked():
        assert not kept.has(True)
        kept.keep(some(1, is_spam=True))
        assert kept.has(True)
    kept.close()


def test_damaged_slots_are_not_rehearsed(tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.slots"
    kept = Rehearsal.open(path)
    with kept.locked():
        kept.keep(some(1, is_spam=True))
    raw = bytearray(path.read_bytes()[: rehearsals.SIZE])
    start = len(raw) - rehearsals.ROWS * rehearsals.WIDTH * 4  # of the first spam
    raw[start : start + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(raw)
    with kept.locked():
        assert kept.some(True, 1) == []
        assert not kept.has(True)
    kept.close()

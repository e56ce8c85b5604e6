"""Ham kept from earlier trainings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterd.classify import canary as canaries
from filterd.classify.canary import Canary, Kept
from filterd.classify.features import extract
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail


def kept(number: int) -> Kept:
    return Kept(extract(Message.from_bytes(a_mail(number, is_spam=False))), f"mail {number}")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    Canary([kept(1), kept(2)]).save(tmp_path / "canary.npz")
    found = list(Canary.load(tmp_path / "canary.npz"))
    assert [one.name for one in found] == ["mail 1", "mail 2"]
    assert np.array_equal(found[1].features.slots, kept(2).features.slots)


def test_an_empty_one_too(tmp_path: Path) -> None:
    Canary().save(tmp_path / "canary.npz")
    assert len(Canary.load(tmp_path / "canary.npz")) == 0


@pytest.mark.parametrize("raw", [None, b"", b"PK\x03\x04 not really", b"\x80\x04pickle"])
def test_an_absent_or_damaged_file_holds_nothing(tmp_path: Path, raw: bytes | None) -> None:
    path = tmp_path / "canary.npz"
    if raw is not None:
        path.write_bytes(raw)
    assert len(Canary.load(path)) == 0


def test_bounds_that_lie_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "canary.npz"
    Canary([kept(1)]).save(path)
    with np.load(path) as stored:
        facts = dict(stored)
    facts["bounds"] = facts["bounds"] + 1
    np.savez(path, **facts)
    assert len(Canary.load(path)) == 0


def test_a_growing_one_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "MOST", 3)
    grown = Canary([kept(1), kept(2)]).with_slice([kept(3), kept(4)])
    assert len(grown) == 3

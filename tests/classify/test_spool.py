"""Labels that wait as files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from filterd.classify.spool import Spool
from filterd.core.labels import Kind
from tests.classify.mailbox import a_mail

RAW = a_mail(1, is_spam=True)


def test_what_is_dropped_waits_with_its_user(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    path = spool.drop(Kind.SPAM, "ann.b@example.net", RAW)
    (waiting,) = spool.waiting(10, now=4e9)
    assert waiting.path == path
    assert waiting.said.kind is Kind.SPAM
    assert waiting.said.user == "ann.b@example.net"
    assert waiting.said.origin == "mailbox"
    assert waiting.said.message.raw == RAW


def test_oldest_first_and_no_more_than_asked_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(3):
        path = spool.drop(Kind.HAM, f"user{number}", RAW)
        os.utime(path, (1000 - number, 1000 - number))
    assert [one.said.user for one in spool.waiting(2, now=2000)] == ["user2", "user1"]


def test_a_time_in_the_future_is_not_believed(tmp_path: Path) -> None:
    path = Spool(tmp_path).drop(Kind.HAM, "ann", RAW)
    os.utime(path, (9e9, 9e9))
    assert Spool(tmp_path).waiting(1, now=2000.0)[0].said.at == 2000.0


def test_a_user_cannot_leave_the_spool(tmp_path: Path) -> None:
    path = Spool(tmp_path).drop(Kind.HAM, "../../etc/x", RAW)
    assert path.parent == tmp_path / "new"
    assert Spool(tmp_path).waiting(1, now=1.0)[0].said.user == "../../etc/x"


@pytest.mark.parametrize("name", ["eggs.ann.1", "spam", "retract.ann.1"])
def test_a_wrong_name_is_put_aside(tmp_path: Path, name: str) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / name).write_bytes(RAW if name != "spam" else b"")
    assert Spool(tmp_path).waiting(10, now=1.0) == []
    assert (tmp_path / "bad" / name).exists()


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "new" / "spam.ann.1").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "new" / "spam.ann.2")
    assert Spool(tmp_path).waiting(10, now=1.0) == []
    assert list((tmp_path / "new").iterdir()) == []
    assert (tmp_path / "secret").read_text() == "secret"


def test_an_absent_spool_is_empty(tmp_path: Path) -> None:
    assert Spool(tmp_path / "none").waiting(10, now=1.0) == []

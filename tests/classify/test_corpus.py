"""Labelled mail wherever an admin keeps it."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from filterd.classify.corpus import Unreadable, index, messages, sources, tell_apart
from filterd.core.errors import ConfigError
from tests.classify.mailbox import a_mail, fill

ONE, TWO = a_mail(1, is_spam=True), a_mail(2, is_spam=True)


def _mbox(*mails: bytes) -> bytes:
    lines = [
        b"From ann@a.example Sat Nov 21 10:00:00 2026\n" + m.replace(b"\r\n", b"\n")
        for m in mails
    ]
    return b"\n".join(lines) + b"\n"


def names(*paths: Path) -> list[str]:
    return [Path(one.name).name for one in messages(paths, True)]


def test_a_folder_tree_in_a_fixed_order(tmp_path: Path) -> None:
    fill(tmp_path / "b" / "deep", 2, is_spam=True)
    fill(tmp_path / "a", 1, is_spam=True, start=7)
    (tmp_path / ".hidden").write_bytes(ONE)
    (tmp_path / "Courier_is_a_subject.eml").write_bytes(ONE)
    expected = ["Courier_is_a_subject.eml", "00007.eml", "00000.eml", "00001.eml"]
    assert names(tmp_path) == expected


def test_a_maildir_without_what_is_being_delivered(tmp_path: Path) -> None:
    for place in ("cur", "new", "tmp"):
        (tmp_path / place).mkdir()
        (tmp_path / place / f"1.{place}:2,S").write_bytes(ONE)
    (tmp_path / "dovecot-uidlist").write_text("3 V1")
    (tmp_path / "dovecot.index.log").write_text("x")
    assert names(tmp_path) == ["1.cur:2,S", "1.new:2,S"]


def test_an_mbox_is_split_and_its_quoting_undone(tmp_path: Path) -> None:
    path = tmp_path / "box"
    quoted = ONE.replace(b"Regards", b"") + b"\r\n>From here on\r\n"
    path.write_bytes(_mbox(quoted, TWO))
    found = list(messages([path], True))
    assert len(found) == 2
    assert b"\nFrom here on" in found[0].raw
    assert [Path(one.name).name for one in found] == ["box", "box#2"]


def test_from_in_a_text_does_not_split(tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(_mbox(ONE + b"\r\n\r\nFrom what I hear, all is well\r\n"))
    assert len(list(messages([path], True))) == 1


def test_one_message_with_an_mbox_line_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "single"
    path.write_bytes(b"From ann Sat Nov 21 10:00:00 2026\n" + ONE)
    assert len(list(messages([path], True))) == 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(ONE)))
    assert [one.raw for one in messages([Path("-")], True)] == [ONE]


def test_an_unreadable_file_is_reported_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 3, is_spam=True)
    real = Path.open

    def refuse(self: Path, *args: object, **more: object) -> object:
        if self.name == "00001.eml":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    failed = Unreadable()
    assert len(list(messages([tmp_path], True, failed))) == 2
    assert failed.paths == [(str(tmp_path / "00001.eml"), "Permission denied")]


def test_an_index_of_labels_and_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    path = tmp_path / "full" / "index"
    path.write_text("spam ../data/inmail.1\nham ../data/in mail.2\n# remark\n\nSPAM\tx\r\n")
    assert list(index(path)) == [
        (True, tmp_path / "full" / "../data/inmail.1"),
        (False, tmp_path / "full" / "../data/in mail.2"),
        (True, tmp_path / "full" / "x"),
    ]
    assert len(list(index(path, limit=2))) == 2


@pytest.mark.parametrize("line", ["junk ../data/inmail.1", "ham", "../data/inmail.1"])
def test_a_line_of_an_index_that_says_nothing_is_a_mistake(tmp_path: Path, line: str) -> None:
    path = tmp_path / "index"
    path.write_text(f"spam a\n{line}\nham b\n")
    with pytest.raises(ConfigError, match=r'index:2: expected "spam PATH" or "ham PATH"'):
        list(index(path))
    assert list(index(path, limit=1)) == [(True, tmp_path / "a")]


def test_a_single_folder_of_folders_is_as_many_sources(tmp_path: Path) -> None:
    fill(tmp_path / "lists", 1, is_spam=False)
    fill(tmp_path / "shops", 1, is_spam=False)
    assert sources([tmp_path]) == [tmp_path / "lists", tmp_path / "shops"]
    assert sources([tmp_path / "lists"]) == [tmp_path / "lists"]
    assert tell_apart([tmp_path], [tmp_path / "lists"])
    assert not tell_apart([tmp_path / "shops"], [tmp_path / "lists"])

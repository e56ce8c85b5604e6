"""What support/ gets wrong, every test above it gets wrong: splitting, editing, reading replies, archives."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.support import miltermta, shared
from tests.support.miltermta import AddField, ChangeField, InsertField, edited, split
from tests.support.smtp import Reply, Sent

MAIL = b"A: 1\r\nB:  two\r\n\tfolded\r\nA: 3\r\n\r\nbody\r\n\r\nmore\r\n"


def test_splitting_keeps_leading_space_and_folds() -> None:
    fields, body = split(MAIL)
    assert fields == [(b"A", b" 1"), (b"B", b"  two\n\tfolded"), (b"A", b" 3")]
    assert body == b"body\r\n\r\nmore\r\n"


@pytest.mark.parametrize(
    ("content", "fields", "body"),
    [
        pytest.param(b"", [], b"", id="empty"),
        pytest.param(b"\r\nbody\r\n", [], b"body\r\n", id="no-header"),
        pytest.param(b"A: 1\r\n", [(b"A", b" 1")], b"", id="no-body"),
        pytest.param(b"no field\r\nA: 1\r\n", [], b"no field\r\nA: 1\r\n", id="not-a-field"),
    ],
)
def test_splitting_what_is_no_message(
    content: bytes, fields: list[tuple[bytes, bytes]], body: bytes
) -> None:
    assert split(content) == (fields, body)


def test_no_edits_give_the_same_bytes() -> None:
    assert edited(MAIL, []) == MAIL


@pytest.mark.parametrize(
    ("edits", "head"),
    [
        pytest.param([InsertField(0, "X", b"y")], b"X: y\r\nA: 1\r\n", id="top"),
        pytest.param(
            [InsertField(0, "X", b"1"), InsertField(0, "Y", b"2")],
            b"Y: 2\r\nX: 1\r\nA: 1\r\n",
            id="last-inserted-on-top",
        ),
        pytest.param(
            [ChangeField("a", 1, b"")], b"B:  two\r\n\tfolded\r\nA: 3\r\n", id="delete"
        ),
        pytest.param([ChangeField("A", 1, b"9")], b"A: 9\r\nB:", id="replace"),
    ],
)
def test_edits_change_the_header(edits: list[miltermta.Edit], head: bytes) -> None:
    assert edited(MAIL, edits).startswith(head)


def test_an_added_field_goes_to_the_end_of_the_header() -> None:
    assert b"A: 3\r\nX: y\r\n\tz\r\n\r\nbody" in edited(MAIL, [AddField("X", b"y\n\tz")])


def test_a_change_beyond_the_last_occurrence_adds() -> None:
    assert b"a: 9\r\n\r\nbody" in edited(MAIL, [ChangeField("A", 7, b"9")])


def test_the_reply_that_decides_is_the_last_one() -> None:
    refused = Sent(Reply(250, "2.1.0 Ok"), (Reply(250, "2.1.5 Ok"),), Reply(550, "5.7.1 No"))
    assert (refused.final.code, refused.final.enhanced, refused.accepted) == (
        550,
        "5.7.1",
        False,
    )
    deferred = Sent(Reply(250, "2.1.0 Ok"), (Reply(451, "4.7.1 Later"),), None)
    assert (deferred.final.code, deferred.accepted) == (451, False)


def test_unpacking_leaves_out_what_climbs_or_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "mail.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("ham/1", "../climbed", "/absolute"):
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"ok"))
        link = tarfile.TarInfo("ham/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    folder = shared.unpacked(archive)
    found = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    assert found == [Path("ham/1")]
    assert shared.unpacked(archive) == folder
    assert not (tmp_path / "climbed").exists()

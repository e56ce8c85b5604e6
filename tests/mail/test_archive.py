from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import time
import zipfile

import pytest

from filterd.limits import LIMITS, Limits
from filterd.mail.archive import Listing, open_archive
from tests.support.speed import is_within


def a_zip(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)
    return sink.getvalue()


def a_tar(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as file:
        for name, content in members.items():
            entry = tarfile.TarInfo(name.replace("__", "."))
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


def names(listing: Listing) -> list[str]:
    return [member.name for member in listing.members]


def locked(data: bytes) -> bytes:
    """The zip with the flag of encryption set in every header."""
    changed = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            changed[at + offset] |= 1
            at = data.find(mark, at + 4)
    return bytes(changed)


def test_members_with_the_beginning_of_each() -> None:
    listing = open_archive(a_zip(a__txt=b"hello", b__exe=b"MZ" + b"\0" * 9000))
    assert names(listing) == ["a.txt", "b.exe"]
    assert listing.members[0].head == b"hello"
    assert listing.members[1].head.startswith(b"MZ")
    assert listing.members[1].size == 9002
    assert listing.defects == frozenset()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_streams_and_the_tar_in_them(pack: object) -> None:
    assert callable(pack)
    assert names(open_archive(pack(a_tar(x__exe=b"MZ")))) == ["x.exe"]
    assert open_archive(pack(b"plain")).members[0].head == b"plain"


def test_archives_in_archives() -> None:
    listing = open_archive(a_zip(in__zip=a_zip(evil__js=b"x"), more__tar=a_tar(y__scr=b"MZ")))
    assert names(listing) == ["in.zip", "evil.js", "more.tar", "y.scr"]
    assert [member.depth for member in listing.members] == [1, 2, 1, 2]


def test_a_locked_archive_is_listed_not_unpacked() -> None:
    listing = open_archive(locked(a_zip(secret__exe=b"MZ" * 50)))
    assert "encrypted" in listing.defects
    assert listing.members[0].is_encrypted
    assert listing.members[0].head == b""


@pytest.mark.parametrize(
    "data",
    [
        a_zip(big__bin=b"\0" * (20 << 20)),
        gzip.compress(b"\0" * (20 << 20)),
        bz2.compress(b"\0" * (20 << 20)),
        lzma.compress(b"\0" * (20 << 20)),
    ],
    ids=["zip", "gzip", "bzip2", "xz"],
)
def test_bombs_are_seen_before_they_explode(data: bytes) -> None:
    started = time.thread_time()
    assert "bomb" in open_archive(data).defects
    assert is_within(time.thread_time() - started, 1.0)


def test_an_archive_with_little_room_left_is_cut_and_no_bomb() -> None:
    data = gzip.compress(b"x" * (1 << 20))
    assert open_archive(data).unpacked == 1 << 20
    listing = open_archive(data, room=1 << 10)
    assert listing.defects == {"cut"}
    assert listing.unpacked == 1 << 10
    assert len(listing.members) == 1


def test_zips_in_zips_share_one_budget() -> None:
    layer = a_zip(**{f"f{n}__bin": b"\0" * (4 << 20) for n in range(12)})
    started = time.thread_time()
    open_archive(a_zip(**{f"z{n}__zip": layer for n in range(12)}))
    assert is_within(time.thread_time() - started, 2.0)


def test_depth_and_count_are_bounded_and_marked() -> None:
    data = a_zip(x__txt=b"x")
    for _ in range(LIMITS.archive_depth + 2):
        data = a_zip(next__zip=data)
    assert "too-deep" in open_archive(data).defects
    many = a_zip(**{f"f{n}": b"x" for n in range(50)})
    listing = open_archive(many, limits=Limits(archive_members=10))
    assert len(listing.members) == 10
    assert "too-many" in listing.defects


def test_a_cut_zip_still_tells_its_names() -> None:
    whole = a_zip(evil__exe=b"MZ" * 3000, other__txt=bytes(range(256)) * 30)
    listing = open_archive(whole[: len(whole) - 60])
    assert "broken" in listing.defects
    assert "evil.exe" in names(listing)


RAR4 = (
    b"Rar!\x1a\x07\x00"
     b"\0\0\x73\0\0\x0d\0" + b"\0" * 6
    + b"\0\0\x74\x04\x80\x28\0" + b"\x03\0\0\0" + b"\x09\0\0\0" + b"\0" * 11 + b"\x08\0" + b"\0" * 4 + b"evil.exe" + b"abc"
)  # fmt: skip


def test_names_in_rar_4() -> None:
    listing = open_archive(RAR4)
    assert names(listing) == ["evil.exe"]
    assert "encrypted" in listing.defects


def test_names_in_rar_5() -> None:
    body = b"\x02\x00" + b"\x00" + b"\x05" + b"\x00" + b"\x00" + b"\x00" + b"\x08" + b"evil.exe"
    listing = open_archive(b"Rar!\x1a\x07\x01\x00" + b"\0" * 4 + bytes((len(body),)) + body)
    assert names(listing) == ["evil.exe"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"Rar!\x1a\x07\x00",
        b"\x1f\x8b",
        b"7z\xbc\xaf\x27\x1c",
        b"PK\x05\x06" + b"\0" * 18,
    ],
)
def test_what_cannot_be_read_is_no_error(data: bytes) -> None:
    assert open_archive(data).members == ()

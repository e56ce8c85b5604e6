"""archive - what is in an archive, without trusting it: names, sizes, whether it is locked.

Owns:   Member, Listing, open_archive.
Not here: what a member means (checks.attachment).
Rules of this file: stdlib readers only, every size bounded by filterd.limits before anything is
        unpacked; an archive that lies, breaks or explodes gives a Listing with a defect, never an
        error. Formats that the standard library cannot read are named, not opened (RAR, 7z, ACE).
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass

from filterd.limits import LIMITS, Limits
from filterd.mail.content import Kind, kind_of

HEAD = 4_096  # bytes of a member that are kept for looking at
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError,
    RuntimeError, struct.error, OverflowError, MemoryError, UnicodeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive; `head` is its beginning, b"" where it was not unpacked."""

    name: str
    size: int  # as claimed
    is_encrypted: bool
    head: bytes
    depth: int  # 1 = directly in the attachment


@dataclass(frozen=True, slots=True)
class Listing:
    """Members, bounded, and defects: "bomb", "too-many", "too-deep", "broken", "encrypted", "unread"."""

    members: tuple[Member, ...] = ()
    defects: frozenset[str] = frozenset()
    unpacked: int = 0  # bytes


def open_archive(data: bytes, *, limits: Limits = LIMITS, room: int | None = None) -> Listing:
    """List an archive and the archives in it; `data` is the attachment, perhaps cut at its limit.

    `room` is less than `limits.archive_bytes` where archives before this one have used it up: what
    does not fit then is "cut", not a "bomb".
    """
    reader = _Reader(limits, limits.archive_bytes if room is None else room)
    reader.read(data, 1)
    defects = reader.defects
    if reader.given < limits.archive_bytes and reader.room <= 0:
        defects = defects - {"bomb"} | {"cut"}
    return Listing(tuple(reader.members), frozenset(defects), reader.given - reader.room)


class _Reader:
    """One descent; `room` is what may still be unpacked in all."""

    def __init__(self, limits: Limits, room: int) -> None:
        self.limits = limits
        self.given = room
        self.members: list[Member] = []
        self.defects: set[str] = set()
        self.room = room

    def read(self, data: bytes, depth: int) -> None:
        if depth > self.limits.archive_depth:
            self.defects.add("too-deep")
            return
        if data.startswith(b"PK"):
            self._zip(data, depth)
        elif data.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")):
            self._stream(data, depth)
        elif data[257:262] == b"ustar":
            self._tar(data, depth)
        elif data.startswith(b"Rar!\x1a\x07"):
            self._rar(data)
        else:
            self.defects.add("unread")

    def _add(
        self, name: str, size: int, head: bytes, depth: int, *, is_encrypted: bool = False
    ) -> bool:
        """Keep a member; False when no more are kept."""
        if len(self.members) >= self.limits.archive_members:
            self.defects.add("too-many")
            return False
        if is_encrypted:
            self.defects.add("encrypted")
        self.members.append(Member(name[:300], size, is_encrypted, head[:HEAD], depth))
        return True

    def _zip(self, data: bytes, depth: int) -> None:
        try:
            file = zipfile.ZipFile(io.BytesIO(data))
        except _ZIP_ERRORS:
            self.defects.add("broken")
            self._zip_by_hand(data, depth)
            return
        with file:
            for info in file.infolist():
                if info.is_dir():
                    continue
                packed = max(1, info.compress_size)
                if info.file_size > self.limits.archive_bytes or (
                    info.file_size > 1 << 20
                    and info.file_size // packed > self.limits.archive_ratio
                ):
                    self.defects.add("bomb")
                locked = bool(info.flag_bits & 1)
                content = b"" if locked else self._unzip(file, info)
                if not self._add(
                    info.filename, info.file_size, content, depth, is_encrypted=locked
                ):
                    return
                if content and kind_of(content) is Kind.ARCHIVE:
                    self.read(content, depth + 1)

    def _unzip(self, file: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
        """The member; all of it only if it is an archive that may be opened."""
        if self.room <= 0:
            self.defects.add("bomb")
            return b""
        try:
            with file.open(info) as stream:
                content = stream.read(min(HEAD, self.room))
                if kind_of(content) is Kind.ARCHIVE:
                    content += stream.read(max(0, self.room - len(content)))
        except _ZIP_ERRORS:
            self.defects.add("broken")
            return b""
        self.room -= len(content)
        return content

    def _zip_by_hand(self, data: bytes, depth: int) -> None:
        """Names from local headers, for zips that were cut or have no directory."""
        at = 0
        while (at := data.find(b"PK\x03\x04", at)) >= 0:
            header = data[at : at + 30]
            if len(header) < 30:
                return
            flags, size, length = (
                int.from_bytes(header[6:8], "little"),
                int.from_bytes(header[22:26], "little"),
                int.from_bytes(header[26:28], "little"),
            )
            name = data[at + 30 : at + 30 + min(length, 300)].decode("utf-8", "replace")
            if not self._add(name, size, b"", depth, is_encrypted=bool(flags & 1)):
                return
            at += 30 + length

    def _stream(self, data: bytes, depth: int) -> None:
        """gzip, bzip2 and xz: one file, a tar perhaps."""
        room = self.room
        try:
            if data.startswith(b"\x1f\x8b"):
                content = zlib.decompressobj(wbits=31).decompress(data, room)
            elif data.startswith(b"BZh"):
                content = bz2.BZ2Decompressor().decompress(data, room)
            else:
                unxz = lzma.LZMADecompressor(memlimit=64 << 20)
                content = unxz.decompress(data, room)
        except _ZIP_ERRORS:
            self.defects.add("broken")
            return
        if len(content) >= room or len(content) > max(
            1 << 20, len(data) * self.limits.archive_ratio
        ):
            self.defects.add("bomb")
        if not content:
            self.defects.add("broken")
            return
        self.room -= len(content)
        if content[257:262] == b"ustar":
            self._tar(content, depth)
        elif self._add("", len(content), content, depth) and kind_of(content) is Kind.ARCHIVE:
            self.read(content, depth + 1)

    def _tar(self, data: bytes, depth: int) -> None:
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as file:
                for info in file:
                    if not info.isfile():
                        continue
                    stream = file.extractfile(info)
                    content = (
                        stream.read(min(HEAD, max(0, self.room))) if stream is not None else b""
                    )
                    self.room -= len(content)
                    if not self._add(info.name, info.size, content, depth):
                        return
                    if stream is not None and kind_of(content) is Kind.ARCHIVE:
                        whole = content + stream.read(max(0, self.room))
                        self.room -= len(whole) - len(content)
                        self.read(whole, depth + 1)
        except (tarfile.TarError, *_ZIP_ERRORS):
            self.defects.add("broken")

    def _rar(self, data: bytes) -> None:
        """Names and locks from the headers of RAR 4 (RAR 5 with locked headers is only named)."""
        if data.startswith(b"Rar!\x1a\x07\x01\x00"):
            self._rar5(data)
            return
        at = 7
        while at + 7 <= len(data):
            kind = data[at + 2]
            flags = int.from_bytes(data[at + 3 : at + 5], "little")
            size = int.from_bytes(data[at + 5 : at + 7], "little")
            if size < 7:
                return
            more = (
                int.from_bytes(data[at + 7 : at + 11], "little")
                if flags & 0x8000 or kind == 0x74
                else 0
            )
            if kind == 0x73 and flags & 0x80:  # headers are locked
                self.defects.add("encrypted")
                return
            if kind == 0x74:
                unpacked = int.from_bytes(data[at + 11 : at + 15], "little")
                length = int.from_bytes(data[at + 26 : at + 28], "little")
                name = data[at + 32 : at + 32 + min(length, 300)].partition(b"\0")[0]
                if not self._add(
                    name.decode("utf-8", "replace"),
                    unpacked,
                    b"",
                    1,
                    is_encrypted=bool(flags & 4),
                ):
                    return
            at += size + more

    def _rar5(self, data: bytes) -> None:
        at = 8
        while at + 7 < len(data):
            position = at + 4
            size, position = _vint(data, position)
            start = position
            kind, position = _vint(data, position)
            flags, position = _vint(data, position)
            if size <= 0 or kind < 0 or flags < 0:
                return
            extra = more = 0
            if flags & 1:
                extra, position = _vint(data, position)
            if flags & 2:
                more, position = _vint(data, position)
            if kind == 4:  # the archive's headers are locked
                self.defects.add("encrypted")
                return
            if kind == 2:
                file_flags, position = _vint(data, position)
                unpacked, position = _vint(data, position)
                _, position = _vint(data, position)
                position += (4 if file_flags & 2 else 0) + (4 if file_flags & 4 else 0)
                _, position = _vint(data, position)
                _, position = _vint(data, position)
                length, position = _vint(data, position)
                name = data[position : position + min(max(length, 0), 300)].decode(
                    "utf-8", "replace"
                )
                locked = extra > 0 and data[start + size - extra : start + size][1:2] == b"\x01"
                if not self._add(name, max(0, unpacked), b"", 1, is_encrypted=locked):
                    return
            if kind == 5:
                return
            at = start + size + max(0, more)


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """(value, offset after it) of a RAR 5 number; (-1, ...) where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return -1, at
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    return -1, at

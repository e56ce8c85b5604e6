"""Files: each symbol hits its case and leaves ordinary files alone."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest

from filterd.checks import attachment
from filterd.checks.attachment import CHECK, Settings
from filterd.limits import LIMITS
from filterd.mail.archive import Listing
from tests.support.heuristics import mail, multipart, symbols, table

PROGRAM = b"MZ\x90\x00" + b"\0" * 200
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 200


def file(name: str, content: bytes, kind: str = "application/octet-stream") -> bytes:
    encoded = base64.encodebytes(content).decode()
    return multipart(
        "Content-Type: text/plain\n\nsee the file\n",
        f'Content-Type: {kind}; name="{name}"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="{name}"\n\n{encoded}',
    )


def zipped(*members: tuple[str, bytes], name: str = "a.zip") -> bytes:
    return file(name, a_zip(*members), "application/zip")


def a_zip(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return sink.getvalue()


def locked(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[6] |= 1
    changed[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


HITS: list[tuple[str, bytes]] = [
    ("ATTACHMENT_EXECUTABLE", file("setup.exe", PROGRAM)),
    ("ATTACHMENT_EXECUTABLE", file("run.js", b"x()")),
    ("ATTACHMENT_EXECUTABLE", file("photo.jpg", PROGRAM, "image/jpeg")),
    ("ATTACHMENT_DOUBLE_EXTENSION", file("invoice.pdf.exe", PROGRAM)),
    ("ATTACHMENT_DISGUISED", file("invoice.pdf", PROGRAM, "application/pdf")),
    ("ATTACHMENT_TYPE_MISMATCH", file("a.pdf", b"<html><body>x", "application/pdf")),
    ("ATTACHMENT_MACRO", file("a.docm", b"PK\x03\x04")),
    ("ATTACHMENT_MACRO", file("a.doc", OLE + "_VBA_PROJECT".encode("utf-16-le"), "application/msword")),
    ("ATTACHMENT_MACRO", file("a.docx", a_zip(("[Content_Types].xml", b"x"), ("word/vbaProject.bin", b"x")))),
    ("ATTACHMENT_SCRIPT", file("a.lnk2", b"L\x00\x00\x00\x01\x14\x02\x00" + b"\0" * 50)),
    ("ATTACHMENT_SCRIPT", file("a.svg", b"<svg onload=x()><script>x</script></svg>", "image/svg+xml")),
    ("ATTACHMENT_PDF_SCRIPT", file("a.pdf", b"%PDF-1.4 /OpenAction /JavaScript", "application/pdf")),
    ("ATTACHMENT_HTML", file("login.html", b"<html>", "text/html")),
    ("ATTACHMENT_HTML", file("login.txt2", b"<html><body>")),
    ("ATTACHMENT_DISK_IMAGE", file("a.iso", b"x")),
    ("ATTACHMENT_ODD_ARCHIVE", file("a.ace", b"\0" * 7 + b"**ACE**")),
    ("ATTACHMENT_NAME_REVERSED", file("a\u202egpj.exe", PROGRAM)),
    ("ATTACHMENT_NAME_SPACES", file("invoice.pdf            .exe", PROGRAM)),
    ("ATTACHMENT_ARCHIVE_EXECUTABLE", zipped(("a.scr", b"x"))),
    ("ATTACHMENT_ARCHIVE_EXECUTABLE", zipped(("readme.txt", PROGRAM))),
    ("ATTACHMENT_ARCHIVE_EXECUTABLE", zipped(("in.zip", a_zip(("evil.js", b"x"))))),
    ("ATTACHMENT_ARCHIVE_LOCKED", file("a.zip", locked(a_zip(("a.txt", b"x" * 20))))),
    ("ATTACHMENT_ARCHIVE_BOMB", zipped(("a.bin", b"\0" * (20 << 20)))),
    ("ATTACHMENT_ARCHIVE_LIMIT", zipped(*((f"f{n}", b"x") for n in range(LIMITS.archive_members + 5)))),
    ("ATTACHMENT_ARCHIVE_BROKEN", file("a.zip", b"PK\x03\x04" + b"x" * 100)),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("ATTACHMENT_EXECUTABLE", file("minutes.pdf", b"%PDF-1.4", "application/pdf")),
    ("ATTACHMENT_DOUBLE_EXTENSION", file("minutes.2023.pdf", b"%PDF-1.4", "application/pdf")),
    ("ATTACHMENT_TYPE_MISMATCH", file("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg")),
    ("ATTACHMENT_MACRO", file("a.docx", a_zip(("[Content_Types].xml", b"x")))),
    ("ATTACHMENT_ARCHIVE_EXECUTABLE", zipped(("a.txt", b"x"), ("b.pdf", b"%PDF"))),
    ("ATTACHMENT_ARCHIVE_BOMB", zipped(("a.txt", b"x" * 1000))),
    ("ATTACHMENT_HTML", file("a.txt", b"hello", "text/plain")),
]  # fmt: skip


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_ordinary_messages_hit_nothing() -> None:
    assert symbols(CHECK, mail()) == set()
    assert symbols(CHECK, file("minutes.pdf", b"%PDF-1.4", "application/pdf")) == set()
    assert symbols(CHECK, zipped(("a.txt", b"x"))) == set()


def test_archives_stay_closed_when_told() -> None:
    message = zipped(("a.exe", PROGRAM))
    assert "ATTACHMENT_ARCHIVE_EXECUTABLE" not in symbols(
        CHECK, message, Settings(archives=False)
    )


def test_many_archives_share_what_may_be_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    # 50 files of bzip2 that unpack to 15 MB each cost 13 s: together they may unpack 64 MB
    rooms: list[int] = []

    def opened(_data: bytes, *, room: int) -> Listing:
        rooms.append(room)
        return Listing(unpacked=room)

    monkeypatch.setattr(attachment, "open_archive", opened)
    part = "Content-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\nUEsDBAo="
    symbols(CHECK, multipart(*[part] * 6))
    whole, least = LIMITS.archive_bytes, attachment.LEAST_ROOM
    assert rooms == [whole, whole, whole, whole, least, least]


def test_the_admin_says_which_extensions_are_dangerous() -> None:
    settings = Settings(extensions=("pdf",))
    assert "ATTACHMENT_EXECUTABLE" in symbols(CHECK, file("a.pdf", b"%PDF"), settings)
    assert "ATTACHMENT_EXECUTABLE" not in symbols(CHECK, file("a.js", b"x"), settings)

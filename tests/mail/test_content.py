from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.content import Kind, extensions, kind_of


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"MZ\x90\x00" + b"\0" * 100, Kind.EXECUTABLE),
        (b"MZ is how this text begins", Kind.UNKNOWN),
        (b"\x7fELF" + b"\0" * 60, Kind.EXECUTABLE),
        (b"PK\x03\x04" + b"\0" * 26, Kind.ARCHIVE),
        (b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", Kind.OFFICE_ZIP),
        (b"Rar!\x1a\x07\x00", Kind.ARCHIVE),
        (b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE),
        (b"\x1f\x8b\x08", Kind.ARCHIVE),
        (b"\0" * 257 + b"ustar\0", Kind.ARCHIVE),
        (b"xx-lh5-x", Kind.ARCHIVE),
        (b"\0" * 7 + b"**ACE**", Kind.ARCHIVE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OFFICE_OLE),
        (b"%PDF-1.4", Kind.PDF),
        (b"{\\rtf1", Kind.RTF),
        (b"\x89PNG\r\n", Kind.IMAGE),
        (b"\xff\xd8\xff\xe0", Kind.IMAGE),
        (b"BM\x00\x01\x00\x00\0\0\0\0" + b"\x36" * 20, Kind.IMAGE),
        (b"BMW is a car maker, they say.", Kind.TEXT),
        (b"RIFF\0\0\0\0WEBPVP8", Kind.IMAGE),
        (b"RIFF\0\0\0\0WAVEfmt", Kind.MEDIA),
        (b"\0\0\0\x18ftypmp42", Kind.MEDIA),
        (b"\0\0\0\x18ftypheic", Kind.IMAGE),
        (b"\0" * 32769 + b"CD001", Kind.DISK_IMAGE),
        (b"L\x00\x00\x00\x01\x14\x02\x00", Kind.SHORTCUT),
        (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", Kind.ONENOTE),
        (b"#!/bin/sh\n", Kind.SCRIPT),
        (b'var x = new ActiveXObject("WScript.Shell");', Kind.SCRIPT),
        (b"  <!DOCTYPE HTML>\n<html>", Kind.HTML),
        (b"<script>x</script>", Kind.HTML),
        (b"<?xml version='1.0'?><svg xmlns='x'>", Kind.SVG),
        (b"<?xml version='1.0'?><a/>", Kind.XML),
        (b"plain text", Kind.TEXT),
        (b"\x01\x02\0\x03", Kind.UNKNOWN),
        (b"", Kind.EMPTY),
    ],
)
def test_what_bytes_are(data: bytes, kind: Kind) -> None:
    assert kind_of(data) is kind


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.pdf", ("pdf",)),
        ("a.PDF.exe", ("pdf", "exe")),
        ("a.exe ", ("exe",)),
        ("a.exe.", ("exe",)),
        ("dir/b.tar.gz", ("tar", "gz")),
        ("c:\\x\\b.js", ("js",)),
        ("noext", ()),
        ("", ()),
        ("invoice.pdf                 .exe", ("exe",)),
    ],
)
def test_what_a_name_promises(name: str, found: tuple[str, ...]) -> None:
    assert extensions(name)[-len(found) :] == found if found else extensions(name) == ()


@given(st.binary(max_size=300))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    assert isinstance(kind_of(data), Kind)

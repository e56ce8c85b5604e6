"""content - what bytes really are, by their first ones; and what a file name promises.

Owns:   Kind, kind_of, extensions.
Not here: opening archives (mail.archive), what is allowed (checks.attachment).
"""

from __future__ import annotations

import re
from enum import Enum


class Kind(Enum):
    """What a file is, as far as it matters to a reader's safety."""

    EXECUTABLE = "executable"  # PE, ELF, Mach-O, DOS, class files
    SCRIPT = "script"  # with a "#!" or in the words of a Windows script
    ARCHIVE = "archive"  # zip, rar, 7z, gzip, tar, cab, arj, lzh, ace, xz, bzip2
    OFFICE_OLE = "ole"  # old Office, Outlook messages, MSI
    OFFICE_ZIP = "ooxml"  # Office since 2007
    PDF = "pdf"
    RTF = "rtf"
    IMAGE = "image"
    MEDIA = "media"  # sound and film
    DISK_IMAGE = "disk-image"  # ISO 9660, VHD, VHDX
    SHORTCUT = "shortcut"  # .lnk, .url
    ONENOTE = "onenote"
    HELP = "help"  # compiled HTML help
    HTML = "html"
    XML = "xml"
    SVG = "svg"
    TEXT = "text"
    EMPTY = "empty"
    UNKNOWN = "unknown"


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"MZ", Kind.EXECUTABLE),
    (b"\x7fELF", Kind.EXECUTABLE),
    (b"\xca\xfe\xba\xbe", Kind.EXECUTABLE),
    (b"\xcf\xfa\xed\xfe", Kind.EXECUTABLE),
    (b"\xce\xfa\xed\xfe", Kind.EXECUTABLE),
    (b"dex\n", Kind.EXECUTABLE),
    (b"PK\x03\x04", Kind.ARCHIVE),
    (b"PK\x05\x06", Kind.ARCHIVE),
    (b"Rar!\x1a\x07", Kind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE),
    (b"\x1f\x8b", Kind.ARCHIVE),
    (b"\x1f\x9d", Kind.ARCHIVE),
    (b"BZh", Kind.ARCHIVE),
    (b"\xfd7zXZ\x00", Kind.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", Kind.ARCHIVE),
    (b"MSCF", Kind.ARCHIVE),
    (b"\x60\xea", Kind.ARCHIVE),
    (b"xar!", Kind.ARCHIVE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OFFICE_OLE),
    (b"%PDF", Kind.PDF),
    (b"{\\rt", Kind.RTF),
    (b"\x89PNG", Kind.IMAGE),
    (b"\xff\xd8\xff", Kind.IMAGE),
    (b"GIF8", Kind.IMAGE),
    (b"BM", Kind.IMAGE),
    (b"II*\x00", Kind.IMAGE),
    (b"MM\x00*", Kind.IMAGE),
    (b"\x00\x00\x01\x00", Kind.IMAGE),
    (b"ID3", Kind.MEDIA),
    (b"OggS", Kind.MEDIA),
    (b"fLaC", Kind.MEDIA),
    (b"vhdxfile", Kind.DISK_IMAGE),
    (b"conectix", Kind.DISK_IMAGE),
    (b"L\x00\x00\x00\x01\x14\x02\x00", Kind.SHORTCUT),
    (b"[InternetShortcut]", Kind.SHORTCUT),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", Kind.ONENOTE),
    (b"ITSF", Kind.HELP),
    (b"#!", Kind.SCRIPT),
)
_HTML_START = re.compile(
    rb"\s*+(?:<!--[^>]{0,500}+>\s*+)?<(?:!doctype\s+html|html|head|body|script|meta|title)\b",
    re.IGNORECASE,
)
_SVG_START = re.compile(
    rb"\s*+(?:<\?xml[^>]{0,200}+>\s*+)?(?:<!--[^>]{0,500}+>\s*+)?<svg\b", re.IGNORECASE
)
_SCRIPT_WORDS = re.compile(
    rb"(?i)(?:WScript\.|CreateObject\s*\(|ActiveXObject|powershell|@echo off|On Error Resume Next|document\.write\s*\(|eval\s*\()"
)
EXTENSION = re.compile(r"\.([A-Za-z0-9_-]{1,10})(?=\.|\Z)")


def kind_of(data: bytes) -> Kind:
    """The kind of a file by its content; a zip is told from Office files by its first members."""
    if not data:
        return Kind.EMPTY
    found = next((pair for pair in _MAGIC if data.startswith(pair[0])), None)
    if found is None:
        return _by_text(data)
    magic, kind = found
    if kind is Kind.ARCHIVE and data.startswith(b"PK"):
        head = data[:4096]
        if (
            b"[Content_Types].xml" in head
            or b"word/" in head
            or b"xl/" in head
            or b"ppt/" in head
        ):
            return Kind.OFFICE_ZIP
    if magic == b"MZ" and len(data) < 64:
        return Kind.UNKNOWN
    if magic == b"BM" and (len(data) < 26 or data[6:10] != b"\0\0\0\0"):
        return _by_text(data)
    return kind


def _by_text(data: bytes) -> Kind:
    if data[257:262] == b"ustar":
        return Kind.ARCHIVE
    if data[2:5] in {b"-lh", b"-lz"} or data[7:14] == b"**ACE**":
        return Kind.ARCHIVE
    if data[32769:32774] == b"CD001":
        return Kind.DISK_IMAGE
    if data[:4] == b"RIFF":
        return Kind.IMAGE if data[8:12] == b"WEBP" else Kind.MEDIA
    if data[4:8] == b"ftyp":
        return Kind.IMAGE if data[8:12] in {b"heic", b"avif", b"mif1"} else Kind.MEDIA
    head = data[:4096]
    if _SVG_START.match(head) is not None:
        return Kind.SVG
    if _HTML_START.match(head) is not None:
        return Kind.HTML
    if head.lstrip()[:5] == b"<?xml":
        return Kind.XML
    if b"\0" in head:
        return Kind.UNKNOWN
    if _SCRIPT_WORDS.search(head) is not None:
        return Kind.SCRIPT
    return Kind.TEXT


def extensions(name: str) -> tuple[str, ...]:
    """The extensions of a file name, lower case, in order: "a.pdf.exe" gives ("pdf", "exe")."""
    base = name.replace("\\", "/").rpartition("/")[2].strip(" .\t\"'")
    return tuple(found.lower() for found in EXTENSION.findall(base[-120:]))

"""attachment - files by name, claimed type and real content; archives opened with care.

Owns:   symbols ATTACHMENT_*.
Asks:   nothing.
Not here: how archives are read (mail.archive), signatures of malware (that is a virus scanner's).

What a Windows user can start by clicking is refused in the open and inside archives; a name that shows
one type and is another, macros, locked archives and HTML files are signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.limits import LIMITS
from filterd.mail.archive import Listing, open_archive
from filterd.mail.content import Kind, extensions, kind_of
from filterd.mail.mime import Part

MAX_FILES = 50  # attachments looked at
LEAST_ROOM = (
    256 << 10
)  # bytes unpacked of an archive when those before it have used up the room

EXECUTABLE = (
    "ade", "adp", "app", "application", "appx", "apk", "bas", "bat", "cab", "chm", "cmd", "com", "cpl", "dll",
    "exe", "gadget", "hlp", "hta", "inf", "ins", "isp", "jar", "js", "jse", "lib", "lnk", "mde", "msc", "msi",
    "msix", "msp", "mst", "nsh", "pif", "ps1", "ps2", "psc1", "reg", "scf", "scr", "sct", "settingcontent-ms",
    "shb", "shs", "sys", "url", "vb", "vbe", "vbs", "vxd", "wsc", "wsf", "wsh", "xll",
)  # fmt: skip
_DOCUMENTS = frozenset(
    [
        "pdf",
        "doc",
        "docx",
        "xls",
        "xlsx",
        "ppt",
        "pptx",
        "odt",
        "ods",
        "rtf",
        "txt",
        "jpg",
        "jpeg",
        "png",
        "gif",
        "bmp",
        "tif",
        "tiff",
        "csv",
        "zip",
        "mp3",
        "mp4",
        "avi",
        "html",
        "htm",
        "eml",
    ]
)
_MACRO_TYPES = frozenset(
    ["docm", "dotm", "xlsm", "xltm", "xlam", "xlsb", "pptm", "potm", "ppam", "ppsm", "sldm"]
)
_DISK_IMAGES = frozenset(["iso", "img", "vhd", "vhdx", "udf", "daa"])
_ODD_ARCHIVES = frozenset(
    [
        "ace",
        "arj",
        "lzh",
        "lha",
        "cab",
        "xz",
        "z",
        "uue",
        "uu",
        "rev",
        "r00",
        "r01",
        "gz",
        "tgz",
        "bz2",
        "7z",
        "rar",
        "xar",
    ]
)
_REVERSED = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LONG_SPACE = re.compile(r"\s{8,}\.[A-Za-z]{2,4}\Z")
_CLAIMED: dict[str, frozenset[Kind]] = {
    "application/pdf": frozenset({Kind.PDF}),
    "image/": frozenset({Kind.IMAGE, Kind.SVG, Kind.MEDIA}),
    "audio/": frozenset({Kind.MEDIA, Kind.TEXT, Kind.UNKNOWN}),
    "application/msword": frozenset({Kind.OFFICE_OLE, Kind.OFFICE_ZIP, Kind.RTF}),
}
_DANGEROUS = frozenset({Kind.EXECUTABLE, Kind.SHORTCUT, Kind.HELP, Kind.SCRIPT})


class Settings(CheckSettings):
    """Which files are dangerous here, and whether archives are opened."""

    extensions: tuple[str, ...] = Field(
        default=EXECUTABLE, description="Extensions of files that run when they are opened."
    )
    archives: bool = Field(default=True, description="Whether archives are opened.")


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Each symbol once, with the first file it was found in."""
    said: set[str] = set()
    dangerous = frozenset(settings.extensions)
    unpacking = _Unpacking()
    for part in tx.message.attachments[:MAX_FILES]:
        for symbol, detail in _file(part, dangerous, unpacking if settings.archives else None):
            if symbol not in said:
                said.add(symbol)
                yield Hit(symbol, detail[:150])


class _Unpacking:
    """What the archives of one message may still take, together: four times what one may."""

    def __init__(self) -> None:
        self.room = 4 * LIMITS.archive_bytes

    def open(self, data: bytes) -> Listing:
        """List the archive; when the room is used up, of what begins it."""
        room = min(LIMITS.archive_bytes, max(self.room, LEAST_ROOM))
        listing = open_archive(data, room=room)
        self.room -= listing.unpacked
        return listing


def _file(
    part: Part, dangerous: frozenset[str], unpacking: _Unpacking | None
) -> Iterator[tuple[str, str]]:
    name = part.filename
    yield from _name(name, dangerous, "ATTACHMENT")
    if (
        part.content_type.startswith("image/")
        and part.transfer_encoding != "base64"
        and not name
    ):
        return
    data = part.decoded
    kind = kind_of(data)
    yield from _content(part, name, kind, dangerous)
    if (kind is Kind.OFFICE_ZIP and b"vbaProject.bin" in data) or (
        kind is Kind.OFFICE_OLE and (b"_\0V\0B\0A" in data or b"V\0B\0A\0" in data)
    ):
        yield "ATTACHMENT_MACRO", name
    elif kind is Kind.PDF and b"/JavaScript" in data and b"/OpenAction" in data:
        yield "ATTACHMENT_PDF_SCRIPT", name
    elif kind is Kind.SVG and (b"<script" in data or b"onload=" in data):
        yield "ATTACHMENT_SCRIPT", name
    if kind is Kind.ARCHIVE and unpacking is not None:
        yield from _archive(unpacking.open(data), name, dangerous)


def _name(name: str, dangerous: frozenset[str], prefix: str) -> Iterator[tuple[str, str]]:
    found = extensions(name)
    last = found[-1] if found else ""
    if last in dangerous:
        yield f"{prefix}_EXECUTABLE", name
        if len(found) >= 2 and found[-2] in _DOCUMENTS:
            yield "ATTACHMENT_DOUBLE_EXTENSION", name
    if last in _DISK_IMAGES:
        yield "ATTACHMENT_DISK_IMAGE", name
    if last in _MACRO_TYPES:
        yield "ATTACHMENT_MACRO", name
    if _REVERSED.search(name) is not None:
        yield "ATTACHMENT_NAME_REVERSED", name
    if _LONG_SPACE.search(name[-200:]) is not None:
        yield "ATTACHMENT_NAME_SPACES", name
    if last in {"htm", "html", "shtml", "xhtml", "svg", "mht", "mhtml"}:
        yield "ATTACHMENT_HTML", name
    elif last in _ODD_ARCHIVES:
        yield "ATTACHMENT_ODD_ARCHIVE", name


def _content(
    part: Part, name: str, kind: Kind, dangerous: frozenset[str]
) -> Iterator[tuple[str, str]]:
    found = extensions(name)
    last = found[-1] if found else ""
    if kind is Kind.EXECUTABLE and last not in dangerous:
        yield "ATTACHMENT_EXECUTABLE", f"{name} is a program"
    if kind in _DANGEROUS and last in _DOCUMENTS:
        yield "ATTACHMENT_DISGUISED", f"{name} is {kind.value}"
    if kind is Kind.DISK_IMAGE:
        yield "ATTACHMENT_DISK_IMAGE", name
    if kind in {Kind.SHORTCUT, Kind.HELP, Kind.ONENOTE}:
        yield "ATTACHMENT_SCRIPT", f"{name} is {kind.value}"
    for claimed, kinds in _CLAIMED.items():
        if (
            part.content_type.startswith(claimed)
            and kind not in kinds
            and kind not in {Kind.EMPTY, Kind.UNKNOWN}
        ):
            yield "ATTACHMENT_TYPE_MISMATCH", f"{part.content_type} is {kind.value}"
    if kind is Kind.HTML and last not in {"htm", "html", "shtml", "xhtml", "mht", "mhtml"}:
        yield "ATTACHMENT_HTML", name


def _archive(
    listing: Listing, name: str, dangerous: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for defect, symbol in (
        ("bomb", "ATTACHMENT_ARCHIVE_BOMB"),
        ("too-many", "ATTACHMENT_ARCHIVE_LIMIT"),
        ("too-deep", "ATTACHMENT_ARCHIVE_LIMIT"),
        ("encrypted", "ATTACHMENT_ARCHIVE_LOCKED"),
        ("broken", "ATTACHMENT_ARCHIVE_BROKEN"),
    ):
        if defect in listing.defects:
            yield symbol, name
    for member in listing.members:
        where = f"{name}: {member.name}"
        for symbol, _ in _name(member.name, dangerous, "ATTACHMENT_ARCHIVE"):
            if symbol in {"ATTACHMENT_ARCHIVE_EXECUTABLE", "ATTACHMENT_DOUBLE_EXTENSION",
                          "ATTACHMENT_DISK_IMAGE", "ATTACHMENT_NAME_REVERSED", "ATTACHMENT_MACRO"}:  # fmt: skip
                yield symbol, where
        if kind_of(member.head) is Kind.EXECUTABLE:
            yield "ATTACHMENT_ARCHIVE_EXECUTABLE", where
        if b"vbaProject.bin" in member.head:
            yield "ATTACHMENT_MACRO", where


CHECK = Check(
    name="attachment",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "ATTACHMENT_EXECUTABLE", "ATTACHMENT_DOUBLE_EXTENSION", "ATTACHMENT_DISGUISED",
        "ATTACHMENT_TYPE_MISMATCH", "ATTACHMENT_MACRO", "ATTACHMENT_SCRIPT", "ATTACHMENT_PDF_SCRIPT",
        "ATTACHMENT_HTML", "ATTACHMENT_DISK_IMAGE", "ATTACHMENT_ODD_ARCHIVE",
        "ATTACHMENT_NAME_REVERSED", "ATTACHMENT_NAME_SPACES", "ATTACHMENT_ARCHIVE_EXECUTABLE",
        "ATTACHMENT_ARCHIVE_LOCKED", "ATTACHMENT_ARCHIVE_BOMB", "ATTACHMENT_ARCHIVE_LIMIT",
        "ATTACHMENT_ARCHIVE_BROKEN",
    ),
)  # fmt: skip

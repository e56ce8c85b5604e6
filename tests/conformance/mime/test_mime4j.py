"""The MIME torture messages of Apache James: structure, fields and decoded leaves as its tests expect."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.mail.message import Message
from filterd.mail.mime import Part
from tests.conformance.mime.deviations import MIME4J
from tests.support.shared import shared_path


def cases() -> list[Path]:
    folder = shared_path("suites/mime/mime4j")
    return sorted(
        path
        for path in folder.rglob("*.msg")
        if path.with_name(f"{path.stem}_decoded.xml").exists()
    )


def expected(node: ET.Element, folder: Path) -> Iterator[tuple[object, ...]]:
    """(depth-first) each entity as ("multipart" | "message" | "leaf", field names, content)."""
    names = tuple(
        (field.text or "").strip().partition(":")[0].strip().lower()
        for field in node.findall("header/field")
    )
    multipart = node.find("multipart")
    message = node.find("message")
    if multipart is not None:
        yield "multipart", names, None
        for part in multipart.findall("body-part"):
            yield from expected(part, folder)
    elif message is not None:
        yield "message", names, None
        yield from expected(message, folder)
    else:
        body = node.find("text-body")
        if body is None:
            body = node.find("binary-body")
        content = (folder / body.attrib["name"]).read_bytes() if body is not None else b""
        yield "leaf", names, squeezed(content)


def squeezed(content: bytes) -> bytes:
    """Line ends as LF, and none at the end: their text files add one."""
    return content.replace(b"\r\n", b"\n").rstrip(b"\n")


def found(parts: tuple[Part, ...]) -> Iterator[tuple[object, ...]]:
    parents = {part.parent for part in parts}
    for part in parts:
        names = tuple(field.key for field in part.header)
        if part.is_multipart:
            yield "multipart", names, None
        elif part.index in parents:
            yield "message", names, None
        else:
            yield "leaf", names, squeezed(part.decoded)


@pytest.mark.parametrize("path", cases(), ids=lambda path: path.stem)
def test_tree_as_mime4j_reads_it(path: Path, request: pytest.FixtureRequest) -> None:
    if path.stem in MIME4J:
        request.applymarker(pytest.mark.xfail(reason=MIME4J[path.stem], strict=True))
    message = Message.from_bytes(path.read_bytes())
    wanted = ET.fromstring(path.with_name(f"{path.stem}_decoded.xml").read_bytes())
    assert list(found(message.parts)) == list(expected(wanted, path.parent))

"""Stalwart's mail-parser: the structure and the decoded text of its 107 messages, LF and CRLF."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filterd.mail.message import Message
from filterd.mail.mime import Part
from tests.conformance.mime.deviations import MAIL_PARSER
from tests.support.shared import shared_path


def cases() -> list[tuple[str, Path, Path]]:
    folder = shared_path("suites/mime/mail-parser/eml")
    found = []
    for path in sorted(folder.rglob("*.eml")):
        for ending in (".json", ".crlf.json"):
            expected = path.with_name(path.stem + ending)
            if expected.exists():
                found.append((f"{path.parent.name}-{path.stem}{ending[:-5]}", path, expected))
    return found


def expected(parts: list[dict[str, Any]], number: int = 0) -> Iterator[tuple[object, ...]]:
    body: dict[str, Any] = parts[number]["body"]
    (kind, content), *_ = body.items()
    if kind == "Multipart":
        yield "multipart", len(content)
        for child in content:
            yield from expected(parts, child)
    elif kind == "Message":
        yield ("message",)
        yield from expected(content["parts"])
    elif kind in {"Text", "Html"}:
        yield "text", squeezed(content)
    else:
        yield "binary", bytes(content).replace(b"\r\n", b"\n").strip(b"\n")


def squeezed(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\ufffd", "?").strip("\r\n")


def found(parts: tuple[Part, ...]) -> Iterator[tuple[object, ...]]:
    children = [part.parent for part in parts]
    for part in parts:
        if part.is_multipart and part.index in children:
            yield "multipart", children.count(part.index)
        elif part.index in children:
            yield ("message",)
        elif part.is_text or part.is_multipart:
            yield "text", squeezed(part.text)
        else:
            yield "binary", part.decoded.replace(b"\r\n", b"\n").strip(b"\n")


@pytest.mark.parametrize(("name", "path", "answer"), cases(), ids=[case[0] for case in cases()])
def test_tree_as_stalwart_reads_it(
    name: str, path: Path, answer: Path, request: pytest.FixtureRequest
) -> None:
    if name.removesuffix(".crlf") in MAIL_PARSER:
        reason = MAIL_PARSER[name.removesuffix(".crlf")]
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    raw = path.read_bytes().replace(b"\r\n", b"\n")
    if name.endswith(".crlf"):
        raw = raw.replace(b"\n", b"\r\n")
    wanted = json.loads(answer.read_text())
    assert list(found(Message.from_bytes(raw).parts)) == list(expected(wanted["parts"]))

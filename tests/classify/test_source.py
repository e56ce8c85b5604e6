"""What may be read of a message, and what is as if it were not there."""

from __future__ import annotations

import pytest

from filterd.classify.features import GROUPS, extract
from filterd.classify.source import BODY_BYTES, RAW_HEAD_BYTES, read
from tests.support.builders import a_message
from tests.support.shared import shared_path

PLAIN = (
    "Received: from a.example (a.example [192.0.2.1]) by mx.example.net; Sat, 21 Nov 2026 10:00:00 +0000\n"
    "From: Ann <ann@a.example>\nTo: bob@example.net\nSubject: Lunch\nMessage-ID: <1@a.example>\n"
    "Content-Type: text/plain\n\nShall we have lunch at noon?\n"
)

OURS = (
    "X-Spam-Status: Yes, score=12.0",
    "X-Spam-Flag: YES",
    "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=a.example",
    "Received-SPF: fail (mx.example.net)",
    "X-Greylist: delayed 300 seconds",
    "X-Filterd-Why: ABCDEFGH23",
    "Return-Path: <ann@a.example>",
    "Delivered-To: bob@example.net",
)


def _slots(message: str) -> dict[str, list[int]]:
    features = extract(a_message(message))
    return {name: features.group(name).tolist() for name in GROUPS}


@pytest.mark.parametrize("field", OURS, ids=lambda field: field.partition(":")[0])
@pytest.mark.parametrize("place", ["top", "middle", "end"])
def test_a_verdict_changes_no_feature(field: str, place: str) -> None:
    lines = PLAIN.split("\n")
    position = {"top": 0, "middle": 3, "end": lines.index("")}[place]
    marked = "\n".join([*lines[:position], field, *lines[position:]])
    assert _slots(marked) == _slots(PLAIN)


def test_every_leaky_field_of_the_corpora_is_left_out() -> None:
    listed = shared_path("corpora/leaky_headers.txt").read_text().splitlines()
    names = [line.partition("#")[0].strip() for line in listed]
    for name in filter(None, names):
        full = name + ("Anything" if name.endswith("-") else "")
        assert _slots(f"{full}: seen by a filter\n{PLAIN}") == _slots(PLAIN), full


def test_line_ends_change_no_feature() -> None:
    from filterd.mail.message import Message

    lf = extract(Message.from_bytes(PLAIN.encode()))
    crlf = extract(Message.from_bytes(PLAIN.replace("\n", "\r\n").encode()))
    mbox = extract(Message.from_bytes(b"From ann Sat Nov 21 10:00:00 2026\n" + PLAIN.encode()))
    for name in GROUPS:
        assert lf.group(name).tolist() == crlf.group(name).tolist(), name
        assert lf.group(name).tolist() == mbox.group(name).tolist(), name


def test_texts_are_bounded() -> None:
    big = a_message(
        "".join(f"X-Field-{n}: {'v' * 200}\n" for n in range(500)) + "\n" + "word " * 50_000
    )
    source = read(big)
    assert len(source.head) <= RAW_HEAD_BYTES
    assert len(source.body) <= BODY_BYTES
    assert len(source.text) <= 6_000

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.limits import LIMITS, Limits
from filterd.mail.header import Header
from filterd.mail.message import Message
from filterd.mail.mime import Part, walk
from tests.support.builders import a_message
from tests.support.speed import is_within


def tree(text: str) -> list[tuple[int, str, str]]:
    return [
        (part.depth, part.content_type, part.text.strip()) for part in a_message(text).parts
    ]


def part_of(header: str, body: bytes = b"") -> Part:
    return Message.from_bytes(header.encode() + b"\n\n" + body).parts[0]


def test_a_message_without_mime_is_one_text_part() -> None:
    assert tree("Subject: s\n\nhello\n") == [(0, "text/plain", "hello")]


def test_parts_come_depth_first_without_preamble_and_epilogue() -> None:
    text = (
        "Content-Type: multipart/mixed; boundary=a\n\npreamble\n"
        "--a\nContent-Type: multipart/alternative; boundary=b\n\n"
        "--b\n\nplain\n--b\nContent-Type: text/html\n\n<p>html\n--b--\ninner epilogue\n"
        "--a\nContent-Type: text/plain\n\nlast\n--a--\nepilogue\n"
    )
    read = tree(text)
    assert [(depth, kind) for depth, kind, _ in read] == [
        (0, "multipart/mixed"),
        (1, "multipart/alternative"),
        (2, "text/plain"),
        (2, "text/html"),
        (1, "text/plain"),
    ]
    assert [body for _, _, body in read[2:]] == ["plain", "<p>html", "last"]


def test_parents_and_indexes_lead_back() -> None:
    message = a_message(
        "Content-Type: multipart/mixed; boundary=a\n\n"
        "--a\nContent-Type: message/rfc822\n\nSubject: in\n\nbody\n--a--\n"
    )
    assert [(part.index, part.parent) for part in message.parts] == [(0, None), (1, 0), (2, 1)]
    assert message.parts[2].header.value("subject") == "in"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_an_encoded_message_is_walked(encoding: str) -> None:
    inner = b"Subject: in\r\nContent-Type: text/plain\r\n\r\nhidden text\r\n"
    body = base64.encodebytes(inner) if encoding == "base64" else inner
    read = Message.from_bytes(
        f"Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n".encode()
        + body
    )
    assert [part.text.strip() for part in read.parts[1:]] == ["hidden text"]
    assert "encoded-message" in read.parts[0].defects


@pytest.mark.parametrize(
    ("name", "text", "mark"),
    [
        ("no boundary", "Content-Type: multipart/mixed\n\nx\n", "no-boundary"),
        ("never used", "Content-Type: multipart/mixed; boundary=q\n\nx\n", "no-parts"),
        ("unclosed", "Content-Type: multipart/mixed; boundary=q\n\n--q\n\nx\n", "unclosed"),
        ("same", "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: multipart/mixed; boundary=q\n\n--q\n\nx\n--q--\n", "same-boundary"),
        ("encoded", "Content-Type: multipart/mixed; boundary=q\nContent-Transfer-Encoding: base64\n\n--q\n\nx\n--q--\n", "encoded-multipart"),
        ("long", f"Content-Type: multipart/mixed; boundary={'q' * 9000}\n\nx\n", "long-boundary"),
    ],
)  # fmt: skip
def test_structural_defects_are_marked(name: str, text: str, mark: str) -> None:
    assert mark in a_message(text).marks, name


def test_a_well_formed_message_has_no_marks() -> None:
    text = "Content-Type: multipart/mixed; boundary=q\n\n--q\n\nx\n--q--\n"
    assert a_message(text).marks == frozenset()


def test_a_longer_boundary_is_not_taken_for_a_shorter_one() -> None:
    text = (
        "Content-Type: multipart/mixed; boundary=a\n\n"
        "--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\nx\n--ab--\n--a\n\ny\n--a--\n"
    )
    assert [(d, t) for d, _, t in tree(text) if t] and [d for d, _, _ in tree(text)] == [
        0,
        1,
        2,
        1,
    ]


def test_digest_parts_are_messages() -> None:
    text = "Content-Type: multipart/digest; boundary=q\n\n--q\n\nSubject: in\n\nx\n--q--\n"
    assert [kind for _, kind, _ in tree(text)] == [
        "multipart/digest",
        "message/rfc822",
        "text/plain",
    ]


def test_what_is_no_type_is_text_plain_and_marked() -> None:
    part = part_of("Content-Type: nonsense")
    assert part.content_type == "text/plain"
    assert "bad-content-type" in part.defects


@pytest.mark.parametrize(
    ("header", "is_attachment"),
    [
        ("Content-Type: text/plain", False),
        ("Content-Type: text/html\nContent-Disposition: inline", False),
        ("Content-Type: text/plain\nContent-Disposition: attachment", True),
        ("Content-Type: application/pdf", True),
        ("Content-Type: image/png\nContent-Disposition: inline", True),
        ("Content-Type: text/x\nContent-Disposition: nonsense", True),
    ],
)
def test_what_a_reader_sees_as_a_file(header: str, is_attachment: bool) -> None:
    assert part_of(header).is_attachment is is_attachment


def test_names_come_from_the_disposition_first() -> None:
    part = part_of(
        'Content-Type: a/b; name="a.txt"\nContent-Disposition: attachment; filename="b.exe"'
    )
    assert part.filename == "b.exe"


def test_text_is_bounded() -> None:
    part = part_of("Content-Type: text/plain", b"x" * (LIMITS.text_bytes + 10))
    assert len(part.text) == LIMITS.text_bytes
    assert "cut" in part.defects


def test_decoded_bytes_are_bounded() -> None:
    part = part_of(
        "Content-Transfer-Encoding: base64\nContent-Type: a/b",
        base64.b64encode(b"x" * (LIMITS.part_bytes + 10)),
    )
    assert len(part.decoded) == LIMITS.part_bytes
    assert "cut" in part.defects


# -- bombs


def nested(depth: int) -> bytes:
    lines = [b"Content-Type: multipart/mixed; boundary=b0", b""]
    for level in range(depth):
        lines += [
            b"--b%d" % level,
            b"Content-Type: multipart/mixed; boundary=b%d" % (level + 1),
            b"",
        ]
    return b"\r\n".join(lines)


BOMBS = {
    "10,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000,
    "200 deep": nested(200),
    "200 messages deep": b"Content-Type: message/rfc822\r\n\r\n" * 200,
    "delimiter-like lines": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--c\r\n" * 1_000_000,
    "10,000 parameters": b"Content-Type: a/b" + b"; x=y" * 10_000 + b"\r\n\r\n",
    "100 KiB of semicolons": b"Content-Type: a/b" + b";" * 100_000 + b"\r\n\r\n",
    "250,000 pieces of base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QQ==" * 250_000,
    "100 KiB of quotes": b"Content-Type: a/b; x=" + b'"' * 100_000 + b"\r\n\r\n",
    "100 KiB of sections": b"Content-Type: a/b" + b"; x*0*=a''b" * 10_000 + b"\r\n\r\n",
    "100 KiB of parentheses": b"Content-Type: a/b" + b"(" * 100_000 + b"\r\n\r\n",
    "10,000 part fields": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + b"A: b\r\n" * 10_000,
    "deep, long": nested(29) + b"\r\n" + b"x" * 5_000_000 + b"\r\n--b0--\r\n",
}  # fmt: skip


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_take_under_a_second_and_stay_within_the_limits(raw: bytes) -> None:
    started = time.thread_time()
    message = Message.from_bytes(raw)
    parts = message.parts
    assert message.marks is not None
    assert message.text is not None
    assert is_within(time.thread_time() - started, 1.0)
    assert len(parts) <= LIMITS.mime_parts
    assert max(part.depth for part in parts) < LIMITS.mime_depth


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("10,000 parts", "too-many-parts"),
        ("200 deep", "too-deep"),
        ("200 messages deep", "too-deep"),
    ],
)
def test_a_reached_limit_is_marked(name: str, mark: str) -> None:
    assert mark in Message.from_bytes(BOMBS[name]).marks


def test_limits_can_be_given() -> None:
    message = Message.from_bytes(BOMBS["10,000 parts"])
    assert len(walk(message.header, message.body, limits=Limits(mime_parts=5)).parts) == 5


_LINES = st.sampled_from(
    [b"", b"--a", b"--a--", b"--b", b"--b--", b"Content-Type: multipart/mixed; boundary=b", b"text",
     b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", b"YWJj", b" x", b"--", b"-- "],
)  # fmt: skip


@given(st.lists(_LINES, max_size=40))
def test_bodies_lie_inside_their_parents_and_do_not_overlap(lines: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"\r\n".join(lines)
    parts = Message.from_bytes(raw).parts
    ends: dict[int, int] = {}
    for part in parts:
        assert 0 <= part.body_start <= part.body_end <= len(part.source)
        if part.parent is not None and parts[part.parent].source is part.source:
            around = parts[part.parent]
            assert around.body_start <= part.body_start
            assert part.body_end <= around.body_end
            assert ends.get(part.parent, 0) <= part.body_start
            ends[part.parent] = part.body_end


@given(st.binary(max_size=500))
def test_any_bytes_give_a_tree_whose_root_is_the_body(raw: bytes) -> None:
    read = walk(Header(()), raw)
    assert read.parts[0].raw == raw

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from filterd.limits import LIMITS, Limits
from filterd.mail.header import Field, Header
from filterd.mail.message import Message
from tests.support.builders import a_message


def test_raw_is_what_came_in() -> None:
    raw = b"From: a@b.example\r\nSubject:  s\r\n\tt\r\n\r\nbody\r\n"
    assert Message.from_bytes(raw).raw == raw


@given(st.binary(max_size=300))
def test_any_bytes_give_a_message_with_every_fact(raw: bytes) -> None:
    message = Message.from_bytes(raw)
    assert message.parts
    assert isinstance(message.text + message.subject, str)
    assert message.links is not None
    assert message.author.defects is not None
    assert message.hops is not None
    assert message.marks is not None
    assert message.date is None or message.date


def test_oversize_messages_are_cut_and_marked() -> None:
    message = Message.from_bytes(b"A: b\r\n\r\n" + b"x" * 100, limits=Limits(message_bytes=50))
    assert message.is_oversize
    assert "oversize" in message.marks
    assert (len(message.raw), message.size) == (50, 108)


def test_facts_are_derived_once() -> None:
    message = a_message(
        "From: a@b.example\nSubject: =?utf-8?q?=C3=BC?=\nTo: c@d.example\n\nx\n"
    )
    assert message.subject == message.decoded("subject") == "ü"
    assert message.addresses("to") is message.addresses("to")
    assert message.tree is message.tree


def test_html_is_bounded_over_all_parts() -> None:
    part = (
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>" + b"x" * (LIMITS.html_bytes // 2) + b"\r\n"
    )
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 5 + b"--b--\r\n"
    assert sum(len(doc.visible) for doc in Message.from_bytes(raw).html) <= LIMITS.html_bytes


def test_a_header_made_by_hand() -> None:
    message = Message(Header([Field("Date", b" Fri, 21 Nov 1997 09:55:06 -0600")]), b"x")
    assert message.date == 880127706
    assert message.size == len(b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\r\nx")

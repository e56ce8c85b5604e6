"""Any bytes give a tree within the limits, every part with bytes and text, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.limits import LIMITS
from filterd.mail.message import Message

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [
        b"Content-Type: ",
        b"multipart/mixed",
        b"; boundary=a",
        b'; boundary="b"',
        b"\r\n",
        b"\n\n",
        b"--a",
        b"--b",
        b"--",
        b"message/rfc822",
        b"text/html",
        b"Content-Transfer-Encoding: base64",
        b"quoted-printable",
        b"x-uuencode",
        b"begin 644 x",
        b"YWJj",
        b"=3D",
        b"=",
        b"; charset=utf-7",
        b"; name*0*=u\x27\x27%41",
        b"Content-Disposition: attachment",
    ]
)
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW)
def test_any_bytes(raw: bytes) -> None:
    message = Message.from_bytes(raw)
    assert 1 <= len(message.parts) <= LIMITS.mime_parts
    for part in message.parts:
        assert part.depth < LIMITS.mime_depth
        assert isinstance(part.decoded, bytes)
        assert isinstance(part.text.encode(), bytes)
        assert isinstance(part.filename + part.disposition, str)
        assert part.is_attachment in {True, False}

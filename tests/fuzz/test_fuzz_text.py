"""Any bytes of any charset give text that can be encoded, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.charset import decode
from filterd.mail.text import decode_words, words

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [
        b"=?",
        b"utf-8",
        b"?q?",
        b"?b?",
        b"?=",
        b" ",
        b"=C3",
        b"=BC",
        b"w7w=",
        b"\xff\xfe",
        b"+2AA-",
        b"\\x1b$B",
        b"*en",
        b"\0",
        b"iso-2022-jp",
        b"gb2312",
        b"\xe9",
    ]
)
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW)
def test_any_bytes(raw: bytes) -> None:
    for text in (
        decode_words(raw),
        decode(raw),
        decode(raw, "utf-7"),
        decode(raw, "utf-16"),
        decode(raw, "gb2312"),
    ):
        assert isinstance(text.encode(), bytes)
        assert words(text) is not None

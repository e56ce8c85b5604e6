"""Any bytes give an AddressList whose domains are A-labels or literals, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.address import parse_fields
from filterd.mail.header import Field

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [
        b"a@b.example",
        b"<",
        b">",
        b'"',
        b"\\",
        b"(",
        b")",
        b",",
        b";",
        b":",
        b"@",
        b"[",
        b"]",
        b" ",
        b"\0",
        b"\xc3\xbc",
        b"=?utf-8?q?=40?=",
        b".",
    ]
)
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW)
def test_any_bytes(raw: bytes) -> None:
    read = parse_fields([Field("From", raw)])
    for box in read.mailboxes:
        assert box.domain.isascii()
        assert "@" not in box.domain

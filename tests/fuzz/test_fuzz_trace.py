"""Any text gives a Hop of texts and a date or none, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.trace import Hop, parse_date

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [
        b"from ",
        b"by ",
        b"with ",
        b"id ",
        b"for ",
        b"(",
        b")",
        b"[",
        b"]",
        b"192.0.2.1",
        b"IPv6:::1",
        b"HELO ",
        b"helo=",
        b";",
        b"Fri, ",
        b"21 Nov 1997",
        b" 09:55:06 ",
        b"-0600",
        b"99",
        b"29 Feb 2100",
        b"example.org",
    ]
)
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW)
def test_any_bytes(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    hop = Hop(text)
    for value in (
        hop.from_name,
        hop.from_rdns,
        hop.from_address,
        hop.by,
        hop.protocol,
        hop.id,
        hop.recipient,
    ):
        assert isinstance(value, str)
    date = parse_date(text)
    assert date is None or -2.3e9 < date < 2.6e11
    assert hop.date is None or -2.3e9 < hop.date < 2.6e11

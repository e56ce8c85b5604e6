"""Any text gives links whose hosts are A-labels, literals or nothing, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.link import find, read

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [
        b"http",
        b"https",
        b":",
        b"//",
        b"\\",
        b"@",
        b".com",
        b"a",
        b"www.",
        b"%41",
        b"[::1]",
        b"0x7f",
        b"127.0.0.1",
        b"?",
        b"#",
        b" ",
        b"\t",
        b"mailto:",
        b"\xc3\xbc",
        b"\xe3\x80\x82",
        b"xn--",
        b"999999999999",
    ]
)
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW)
def test_any_bytes(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    for link in (read(text), read(text, origin="bare"), *find(text)):
        assert link.host.isascii()
        assert link.site.isascii()
        assert link.port is None or 0 <= link.port <= 99_999

"""Any bytes give a Header, an offset inside them and named defects, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.header import split

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [b"From", b": ", b":", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\xff", b"From x\n", b"--a", b"A-B",
     b"\r\n\r\n", b"Content-Type: text/html\n"]
)  # fmt: skip
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW, st.sampled_from([1, 3, 2_000]), st.sampled_from([1, 20, 1 << 20]))
def test_any_bytes(raw: bytes, max_fields: int, max_bytes: int) -> None:
    header, offset, defects = split(raw, max_fields, max_bytes)
    assert 0 <= offset <= len(raw)
    assert sum(len(field.name) + len(field.raw) + 1 for field in header) <= offset + 1
    assert set(defects) <= {"mbox-from", "junk-line", "too-many-fields", "header-too-long"}

"""Any bytes give a Header, an offset inside them and named defects, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.header import split

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [
        b"From",
        b": ",
        b":",
        b"\\r\\n",
        b"\\n",
        b"\\r",
        b" ",
        b"\\t",
        b"\\0",
        b"\\xff",
        b"From x\\n",
        b"--a",
        b"A-B",
    ]
)
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW)
def test_any_bytes(raw: bytes) -> None:
    header, offset, defects = split(raw, 2_000, 1 << 20)
    assert 0 <= offset <= len(raw)
    assert len(header) <= 2_000
    assert set(defects) <= {"mbox-from", "junk-line", "too-many-fields", "header-too-long"}

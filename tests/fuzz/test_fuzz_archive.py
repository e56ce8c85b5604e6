"""Any bytes give a Listing within the limits, in bounded time and memory."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.limits import LIMITS
from filterd.mail.archive import open_archive
from filterd.mail.content import kind_of

pytestmark = pytest.mark.fuzz

_SINK = io.BytesIO()
with zipfile.ZipFile(_SINK, "w", zipfile.ZIP_DEFLATED) as _file:
    _file.writestr("a.exe", b"MZ" * 100)
    _file.writestr("b/c.txt", b"x" * 1000)
WHOLE = _SINK.getvalue()
MAGIC = st.sampled_from(
    [b"PK\x03\x04", b"PK\x05\x06", b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00", b"\x1f\x8b\x08", b"BZh9",
     b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"MSCF", b"\0" * 257 + b"ustar"]
)  # fmt: skip


@given(
    st.one_of(st.tuples(MAGIC, st.binary(max_size=300)).map(b"".join), st.binary(max_size=300))
)
def test_any_bytes(data: bytes) -> None:
    listing = open_archive(data)
    assert len(listing.members) <= LIMITS.archive_members
    assert kind_of(data) is not None


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=12),
    st.integers(0, len(WHOLE)),
)
def test_a_damaged_zip(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(WHOLE)
    for at, byte in changes:
        data[at] = byte
    listing = open_archive(bytes(data[:length]))
    assert len(listing.members) <= LIMITS.archive_members

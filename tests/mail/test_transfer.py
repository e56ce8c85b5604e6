from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.transfer import ENCODINGS, decode_base64, decode_uu, undo


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aGVsbG8==", b"hello"),
        (b"aGVs*bG8=", b"hello"),
        (b"a", b""),
        (b"", b""),
        (b"aGVsbG8=\r\n-- \r\nA list's footer, with words.\r\n", b"hello"),
        (b"aGVsbG8=\r\naGVsbG8=\r\n", b"hellohello"),
    ],
)
def test_base64_as_readers_take_it(body: bytes, decoded: bytes) -> None:
    assert decode_base64(body) == decoded


@given(st.binary(max_size=400))
def test_base64_gives_back_what_was_encoded(data: bytes) -> None:
    assert decode_base64(base64.encodebytes(data)) == data


def test_any_short_text_decodes_as_base64() -> None:
    for length in range(1, 7):
        for letters in itertools.product(b"Q= -", repeat=length):
            body = bytes(letters)
            assert len(decode_base64(body)) <= length
            assert decode_base64(b"QUJDREVG" + body).startswith(b"ABCDEF")


def test_uuencoded_text_is_decoded() -> None:
    assert decode_uu(b"begin 644 a.txt\n%:&5L;&\\\n`\nend\n") == b"hello"


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        ("base64", b"aGVsbG8=", b"hello"),
        ("quoted-printable", b"h=65llo=\r\n!", b"hello!"),
        ("x-uue", b"begin 644 a\n%:&5L;&\\\n`\nend\n", b"hello"),
        ("8bit", b"h=65llo", b"h=65llo"),
        ("unheard-of", b"h=65llo", b"h=65llo"),
    ],
)
def test_an_encoding_is_undone_where_there_is_one(
    encoding: str, body: bytes, content: bytes
) -> None:
    assert undo(encoding, body) == content


@given(st.sampled_from(sorted(ENCODINGS)), st.binary(max_size=300))
def test_any_bytes_are_decoded_to_no_more(encoding: str, body: bytes) -> None:
    assert len(undo(encoding, body)) <= len(body)

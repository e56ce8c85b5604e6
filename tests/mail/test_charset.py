from __future__ import annotations

import encodings
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.charset import codec_of, decode
from tests.support.speed import is_within

RUSSIAN = "Привет мир, это тест кодировки"


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"plain", "", "plain"),
        ("ü".encode(), "", "ü"),
        ("ü".encode(), "us-ascii", "ü"),
        ("ü".encode("latin-1"), "us-ascii", "ü"),
        (b"\x93x\x94", "iso-8859-1", "“x”"),
        (RUSSIAN.encode("koi8-r"), "KOI8-R", RUSSIAN),
        (RUSSIAN.encode("cp1251"), "windows-1251", RUSSIAN),
        (RUSSIAN.encode("cp1251"), "", RUSSIAN),
        (RUSSIAN.encode("koi8-r"), "x-unknown", RUSSIAN),
        ("日本".encode("iso2022_jp"), "ISO-2022-JP", "日本"),
        ("日本".encode("cp932"), "shift_jis", "日本"),
        ("中文".encode("gb18030"), "gb2312", "中文"),
        ("한국".encode("cp949"), "ks_c_5601-1987", "한국"),
        (b"a+AMQ-b", "utf-7", "aÄb"),
        (b"+2AA-", "utf-7", "\ufffd"),
        (b"\xff\xfea\0b\0", "", "ab"),
        (b"a\0b\0", "utf-16le", "ab"),
        (b"ascii all the same", "utf-16", "ascii all the same"),
        (b"\xef\xbb\xbfx", "utf-8", "x"),
        (b"abc", "rot13", "abc"),
        (b"6162", "hex", "6162"),
        (b"\\u0041", "unicode_escape", "\\u0041"),
        (b"x\x9c", "zlib_codec", "x\u0153"),
        (b"", "nonsense", ""),
        (b"caf\xc3\xa9 \xe2\x82", "utf-8", "café \ufffd"),
    ],
)
def test_bytes_of_a_claimed_charset_are_text(data: bytes, charset: str, text: str) -> None:
    assert decode(data, charset) == text


@given(st.binary(max_size=200), st.one_of(st.text(max_size=20), st.sampled_from(
    ["utf-8", "utf-7", "utf-16", "utf-32", "iso-2022-jp", "gb2312", "big5", "hz", "us-ascii", "punycode", "idna"]
)))  # fmt: skip
def test_any_bytes_of_any_charset_give_text_that_can_be_encoded(
    data: bytes, charset: str
) -> None:
    assert isinstance(decode(data, charset).encode("utf-8"), bytes)


def test_invented_names_do_not_reach_the_codec_registry() -> None:
    before = len(encodings._cache)
    for number in range(500):
        assert codec_of(f"x-invented-{number}") is None
    assert len(encodings._cache) == before


def test_guessing_is_bounded() -> None:
    data = bytes(range(0x80, 0x100)) * 8_000
    started = time.thread_time()
    decode(data)
    assert is_within(time.thread_time() - started, 0.3)

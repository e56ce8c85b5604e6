from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.text import decode_words, is_in_capitals, words
from tests.support.builders import a_message
from tests.support.speed import is_within


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        ("ü".encode(), "ü"),
        (b"=?utf-8?Q?a=C3=BCb?=", "aüb"),
        (b"=?utf-8?B?w7w=?=", "ü"),
        (b"=?utf-8?B?w7w?=", "ü"),
        (b"x =?utf-8?q?y?= z", "x y z"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?=\t =?iso-8859-1?q?b=FC?= c", "abü c"),
        (b"=?utf-8?q?a=C3?= =?utf-8?q?=BC?=", "aü"),
        (b"=?utf-8?q?a_b?=", "a b"),
        (b"=?utf-8*en?q?hi?=", "hi"),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"x=?utf-8?q?y?=z", "xyz"),
        (b"=?utf-8?x?y?=", "=?utf-8?x?y?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?no-such?q?=FC?=", "ü"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語"),
        (b"caf\xe9", "café"),
        (b"", ""),
    ],
)
def test_encoded_words(value: bytes, text: str) -> None:
    assert decode_words(value) == text


@given(st.binary(max_size=300))
def test_any_bytes_give_text(value: bytes) -> None:
    assert isinstance(decode_words(value).encode(), bytes)


@pytest.mark.parametrize(
    "bit", [b"=?", b"=?a?q?", b"=?a?q?x?= ", b"=?utf-8?q?x?=" + b" " * 50, b"?=", b"=?utf-8?b?"]
)
def test_100_kib_of_encoded_words_take_under_half_a_second(bit: bytes) -> None:
    value = bit * (102_400 // len(bit))
    started = time.thread_time()
    decode_words(value)
    assert is_within(time.thread_time() - started, 0.5)


def test_visible_text_is_that_of_shown_parts_in_order() -> None:
    message = a_message(
        'Content-Type: multipart/mixed; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nfirst\n"
        "--b\nContent-Type: text/html\n\n<p>second <span style='display:none'>not</span>\n"
        "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nfile\n"
        "--b\nContent-Type: text/plain\n\nthird\n--b--\n"
    )
    assert message.text.split() == ["first", "second", "third"]


def test_a_multipart_without_parts_is_shown_as_text() -> None:
    message = a_message("Content-Type: multipart/mixed\n\nbuy now\n")
    assert "buy now" in message.text


def test_words_keep_inner_marks() -> None:
    assert words("Don't re-read v1.2, Ünïcode!") == ["don't", "re-read", "v1.2", "ünïcode"]


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("WIN $1,000 NOW", True),
        ("WIN NOw", False),
        ("WIN", False),
        ("ÄÖÜ ÉÈ ПРИ", True),
        ("ÄÖÜ éÈ ПРИ", False),
        ("WIN 大奖 NOW", False),  # letters that are neither
        ("1234567", False),
        ("", False),
    ],
)
def test_capitals_are_all_letters_and_enough_of_them(text: str, is_so: bool) -> None:
    assert is_in_capitals(text, 5) is is_so

"""Tag lists, canonical forms and what is hashed (RFC 6376 3.2, 3.4, 3.7)."""

from __future__ import annotations

import hashlib
import time

import pytest
from dkim.canonicalization import CanonicalizationPolicy, Relaxed
from hypothesis import given
from hypothesis import strategies as st

from filterd.auth.signature import (
    Canonical,
    SignatureError,
    canonical,
    canonical_body,
    canonical_field,
    crlf,
    parse_tags,
    split_names,
    strip_b,
)
from filterd.mail.header import Field, Header
from filterd.mail.message import Message
from tests.support.speed import is_within


def test_example_of_rfc_6376_3_4_5() -> None:
    message = Message.from_bytes(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n")
    relaxed = b"".join(canonical_field(field, relaxed=True) for field in message.header)
    assert relaxed == b"a:X\r\nb:Y Z\r\n"
    assert canonical_body(message.body, relaxed=True) == b" C\r\nD E\r\n"
    assert canonical_body(message.body, relaxed=False) == b" C \r\nD \t E\r\n"


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),
        (b"\r\n", b"\r\n", b""),
        (b"\r\n\r\n\r\n", b"\r\n", b""),
        (b" \r\n\t\r\n", b" \r\n\t\r\n", b""),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a ", b"a \r\n", b"a\r\n"),
        (b"a\r\n\r\n", b"a\r\n", b"a\r\n"),
        (b"a\n\nb\n\n\n", b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n"),
        (b"a\r", b"a\r\r\n", b"a\r\r\n"),
        (b"a\r\r\n\r\n", b"a\r\r\n", b"a\r\r\n"),
        (b"a\r\n\r\r\n", b"a\r\n\r\r\n", b"a\r\n\r\r\n"),
        (b"\ta \t b\r\n", b"\ta \t b\r\n", b" a b\r\n"),
    ],
)
def test_canonical_bodies(body: bytes, simple: bytes, relaxed: bytes) -> None:
    assert canonical_body(body, relaxed=False) == simple
    assert canonical_body(body, relaxed=True) == relaxed


@given(
    pieces=st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"a", b"\xe9", b"."]), max_size=40),
    relaxed=st.booleans(),
)
def test_canonical_body_is_dkimpys_for_lines_that_end(
    pieces: list[bytes], relaxed: bool
) -> None:
    body = b"".join(pieces)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    policy = CanonicalizationPolicy.from_c_value(
        b"relaxed/relaxed" if relaxed else b"simple/simple"
    )
    assert canonical_body(body, relaxed=relaxed) == policy.canonicalize_body(body)


@given(
    pieces=st.lists(
        st.sampled_from([b"\r\n ", b"\n\t", b" ", b"\t", b"a", b"\xe9", b":"]), max_size=40
    )
)
def test_relaxed_field_is_dkimpys(pieces: list[bytes]) -> None:
    value = b"".join(pieces)
    [(name, theirs)] = Relaxed.canonicalize_headers([(b"SubJect", value)])
    assert canonical_field(Field("SubJect", value), relaxed=True) == name + b":" + theirs


def test_runs_beyond_those_a_pattern_takes_are_single_blanks_too() -> None:
    assert canonical_body(b"a \t b" * 12_000, relaxed=True) == b"a b" * 12_000 + b"\r\n"


def test_signatures_that_differ_in_length_share_the_canonical_body() -> None:
    hashes = Canonical(Message.from_bytes(b"A: b\r\n\r\nHi  there\r\n"))
    whole = b"Hi there\r\n"
    for length in (4, 2, None, 100):
        covered = hashlib.sha256(whole[:length]).digest()
        assert hashes.body(relaxed=True, length=length) == (covered, len(whole))


@given(body=st.binary(max_size=300), relaxed=st.booleans())
def test_canonical_form_is_its_own_canonical_form(body: bytes, relaxed: bool) -> None:
    once = canonical_body(body, relaxed=relaxed)
    assert canonical_body(once, relaxed=relaxed) == once


@pytest.mark.parametrize("unit", [b" ", b"\t", b" \t", b"\r\n", b"\r", b"a \r\n", b" \r\n"])
def test_time_is_linear_in_the_body(unit: bytes) -> None:
    started = time.thread_time()
    canonical_body(unit * (4_000_000 // len(unit)), relaxed=True)
    assert is_within(time.thread_time() - started, 2)  # dkimpy: 20 kB of blanks take 0.77 s


@pytest.mark.parametrize(
    ("value", "bare"),
    [
        (b" v=1; b=abc; d=x", b" v=1; b=; d=x"),
        (b" v=1; b = a b\r\n c ", b" v=1; b ="),
        (b"b=abc;bh=def", b"b=;bh=def"),
        (b" bh=def; B=x; xb=y", b" bh=def; B=x; xb=y"),
    ],
)
def test_value_of_b_is_deleted_and_nothing_else(value: bytes, bare: bytes) -> None:
    assert strip_b(value) == bare


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a=1; a=2", "duplicate"),
        (b"a", "invalid"),
        (b"a=1;;b=2", "invalid"),
        (b"1a=2", "invalid"),
        (b"a b=2", "invalid tag name"),
        (b"a-b=2", "invalid tag name"),
        (b"a=" + b"x" * 1_000, "too long"),
    ],
)
def test_broken_tag_lists_are_permanent_errors(text: bytes, reason: str) -> None:
    with pytest.raises(SignatureError, match=reason) as caught:
        parse_tags(text, 1_000)
    assert caught.value.result == "permerror"


def test_tags_keep_inner_and_lose_outer_white_space() -> None:
    assert parse_tags(b" a = 1 2 ;\tb=;", 1_000) == {"a": b"1 2", "b": b""}


def test_names_are_lower_case_without_white_space() -> None:
    assert split_names(b"From :\tTo: X-A") == ("from", "to", "x-a")


def test_line_ends_become_crlf_once() -> None:
    assert crlf(b"a\nb\r\nc\r") == b"a\r\nb\r\nc\r"


def test_repeated_fields_are_taken_bottom_up_and_absent_ones_are_empty() -> None:
    header = Header([Field("To", b" top"), Field("X", b" x"), Field("To", b" bottom")])
    own = Field("DKIM-Signature", b" b=zzz")
    digest = Canonical(Message(header, b"")).signed(
        ("to", "to", "to", "absent"), own, relaxed=True
    )
    expected = b"to:bottom\r\nto:top\r\ndkim-signature:b="
    assert digest == hashlib.sha256(expected).digest()


def test_simple_form_of_a_field_keeps_every_byte() -> None:
    message = Message(Header([Field("SuBJect", b"  a\n\t b ")]), b"")
    assert canonical_field(message.header.fields[0], relaxed=False) == (
        b"SuBJect:  a\r\n\t b \r\n"
    )


def test_hashes_are_shared_within_a_message_and_go_with_it() -> None:
    message = Message.from_bytes(b"A: b\r\n\r\nHi\r\n")
    assert canonical(message) is canonical(message)
    assert canonical(message) is not canonical(Message.from_bytes(b"A: b\r\n\r\nHi\r\n"))

"""Any bytes in: a result in the RFC's words, or the one documented error, and never anything else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.auth import arc, dkim
from filterd.auth.author import author_domains, evaluate_message
from filterd.auth.dmarc import Identifier
from filterd.auth.key import Key, parse_key
from filterd.auth.record import Record, parse_record
from filterd.auth.signature import SignatureError, parse_tags
from filterd.mail.message import Message
from tests.support.answers import Records, asking
from tests.support.signing import rsa_record, signed

pytestmark = pytest.mark.fuzz

RESULTS = {"pass", "fail", "policy", "neutral", "temperror", "permerror", "none"}
MESSAGE = b"From: ann@example.org\r\nTo: b@example.net\r\nSubject: s\r\n\r\nHello\r\n"
_BITS = st.sampled_from(
    [b"v=", b"1", b"DKIM1", b"DMARC1", b";", b"=", b" ", b"\t", b"\r\n ", b"p=", b"reject", b"k=",
     b"ed25519", b"rsa", b"AAAA", b"a=rsa-sha256", b"bh=", b"b=", b"d=example.org", b"s=s", b"h=from",
     b"i=1", b"cv=none", b"l=", b"x=", b"9" * 80, b"\xff", b"\x00", b"np=", b"psd=y", b"rua=mailto:a@b"],
)  # fmt: skip
TEXT = st.one_of(st.binary(max_size=200), st.lists(_BITS, max_size=30).map(b"".join))
FIELD = TEXT.map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"\n "))


@settings(max_examples=300, deadline=None)
@given(data=TEXT)
def test_any_bytes_are_tags_or_a_signature_error(data: bytes) -> None:
    with suppress(SignatureError):
        assert all(name.isascii() for name in parse_tags(data, 16_384))


@settings(max_examples=300, deadline=None)
@given(data=TEXT)
def test_any_bytes_are_a_key_or_a_signature_error(data: bytes) -> None:
    with suppress(SignatureError):
        assert isinstance(parse_key(data), Key)


@settings(max_examples=300, deadline=None)
@given(data=TEXT)
def test_any_bytes_are_a_dmarc_record_or_none(data: bytes) -> None:
    assert isinstance(parse_record(data), Record | None)


@settings(max_examples=200, deadline=None)
@given(value=FIELD, record=TEXT)
def test_any_signature_and_any_key_record_have_a_result(value: bytes, record: bytes) -> None:
    message = Message.from_bytes(b"DKIM-Signature: " + value + b"\n" + MESSAGE)
    ask = asking({"s._domainkey.example.org": [record, rsa_record()]})
    for result in dkim.evaluate(message, ask, 0):
        assert result.result in RESULTS
        assert result.result != "pass"


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_one_changed_byte_never_breaks_the_evaluation(position: int, byte: int) -> None:
    raw = bytearray(signed(MESSAGE))
    raw[position % len(raw)] = byte
    results = dkim.evaluate(
        Message.from_bytes(bytes(raw)), asking({"s._domainkey.example.org": rsa_record()}), 2e9
    )
    assert all(result.result in RESULTS for result in results)


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.tuples(st.integers(0, 2), FIELD), max_size=6))
def test_any_arc_fields_have_a_status(values: list[tuple[int, bytes]]) -> None:
    names = (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results")
    raw = b"".join(names[which] + b": i=1; " + value + b"\n" for which, value in values)
    message = Message.from_bytes(raw + MESSAGE)
    chain = arc.evaluate(message, asking({}))
    assert chain.result in {"none", "fail"}
    assert list(arc.questions(message.header)) is not None


@settings(max_examples=300, deadline=None)
@given(value=FIELD, record=TEXT)
def test_any_from_and_any_record_have_a_result_and_never_pass_unaligned(
    value: bytes, record: bytes
) -> None:
    message = Message.from_bytes(b"From: " + value + b"\n\nHi\n")
    authors = author_domains(message)
    names: dict[str, Records] = {f"_dmarc.{domain}": [record] for domain in authors.domains}
    found = evaluate_message(authors, [Identifier("dkim", "unrelated.invalid")], asking(names))
    assert found.result in {"fail", "none", "permerror"}

"""Whatever is repeated, in whatever order, costs every parser time that grows with its length and no faster."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.auth import record, signature
from filterd.limits import LIMITS
from filterd.mail import address, authres, charset, html, link, parameter, text, trace, transfer
from filterd.mail.header import Field, Header, split
from filterd.mail.message import Message
from tests.support.speed import is_within

pytestmark = pytest.mark.fuzz

FIELD_BYTES = 50_000
BODY_BYTES = 200_000
EXAMPLES = settings().max_examples // 4  # each is large
SECONDS = 0.8  # a parser that is linear takes less than 0.15; a quadratic one more than 2


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _authres(data: bytes) -> object:
    authres.claims_authserv_id(_as_text(data), "mx.example.net")
    try:
        return authres.parse(_as_text(data))
    except authres.AuthresSyntaxError:
        return None


def _signature(data: bytes) -> object:
    signature.strip_b(data)
    try:
        return signature.parse_tags(data, LIMITS.signature_bytes)
    except signature.SignatureError:
        return None


FIELDS: dict[str, Callable[[bytes], object]] = {
    "address": lambda data: address.parse_fields([Field("From", data)]),
    "authres": _authres,
    "date": lambda data: trace.parse_date(_as_text(data)),
    "parameters": parameter.parameters,
    "received": lambda data: [
        (hop.date, hop.from_name, hop.from_rdns, hop.from_address)
        for hop in trace.read(Header([Field("Received", data)]))
    ],
    "signature": _signature,
    "record": record.parse_record,
    "words": text.decode_words,
}
BODIES: dict[str, Callable[[bytes], object]] = {
    "canonical": lambda data: signature.canonical_body(data, relaxed=True),
    "base64": transfer.decode_base64,
    "charset": lambda data: charset.decode(data, "utf-7"),
    "guess": charset.decode,
    "header": lambda data: split(data, 2_000, 1 << 20),
    "html": lambda data: html.parse(_as_text(data)),
    "link": lambda data: list(link.find(_as_text(data))),
    "parts": lambda data: (
        Message.from_bytes(
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + data
        ).parts
    ),
    "tokens": lambda data: text.words(_as_text(data)),
    "uu": transfer.decode_uu,
}
FIELD_BITS = st.sampled_from(
    [b"a", b"a ", b" ", b"\t", b"\r\n ", b"(", b")", b"()", b"(a)", b"<", b">", b"@", b"a@b.example", b".", b",", b";",
     b":", b"=", b"a=b", b"a=", b'"', b'""', b"\\", b"[", b"]", b"=?", b"?=", b"=?utf-8?q?a?=", b"=?utf-8?b?YQ==?=",
     b"\xff", b"\xc3\xbc", b"1", b"+", b"-", b"/", b"*", b"*1", b"%41", b"'", b"Mon, ", b"from ", b"by ", b"with ",
     b"[192.0.2.1]", b"xn--", b"\0", b"_", b"v=1;", b"x.y=z "]
)  # fmt: skip
BODY_BITS = st.sampled_from(
    [b"a", b"a ", b" ", b"\n", b"\r\n", b"\t", b"<", b">", b"</", b"/>", b"<a ", b"<a href=", b"<p>", b"</p>", b"<b>", b"<div>",
     b"<table>", b"<td>", b"<!--", b"-->", b"<!", b"<style>", b"</style>", b"{", b"}", b"a{display:none}", b"style='", b"'", b'"',
     b"=", b"==", b"QQ", b"=41", b"&", b"&#", b"&amp;", b";", b"http://", b"http://a.example/", b"www.", b"a.com", b".", b"@", b"/", b"//", b"?", b"%41",
     b":", b"--b", b"--b--", b"--", b"X: y\n", b"Content-Type: multipart/mixed; boundary=b\n\n", b"begin 644 a\n", b"+", b"+AG", b"-", b"\x1b$B", b"~{",
     b"\xff", b"\xc3", b"\xc3\xbc", b"\xe2\x80\x8b", b"a\xcc\x81", b"\0", b"a\0", b"1.2.3.4", b"0x1"]
)  # fmt: skip


def repeated(bits: st.SearchStrategy[bytes], size: int) -> st.SearchStrategy[bytes]:
    """One or two units of a few bits, each repeated; perhaps something before and after."""
    unit = st.lists(bits, min_size=1, max_size=3).map(b"".join)
    run = unit.map(lambda one: one * (size // 2 // len(one)))
    return st.tuples(bits, run, st.one_of(st.just(b""), run), bits).map(b"".join)


def is_quick(parse: Callable[[bytes], object], data: bytes) -> bool:
    started = time.thread_time()
    parse(data)
    return is_within(time.thread_time() - started, SECONDS)


@pytest.mark.parametrize("parse", FIELDS.values(), ids=FIELDS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=repeated(FIELD_BITS, FIELD_BYTES))
def test_fields(parse: Callable[[bytes], object], data: bytes) -> None:
    assert is_quick(parse, data), data[:80]


@pytest.mark.parametrize("parse", BODIES.values(), ids=BODIES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=repeated(BODY_BITS, BODY_BYTES))
def test_bodies(parse: Callable[[bytes], object], data: bytes) -> None:
    assert is_quick(parse, data), data[:80]

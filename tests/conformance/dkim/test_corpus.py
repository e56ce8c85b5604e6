"""Body hashes of real signatures: what a list's archive kept unchanged must match.

2,173 signatures of rsa-sha256 in real list mail; all but three match, and each of the three is accounted for: its
hash is that of another text than the one that was sent, which no verifier may put in its place (RFC 6376 6.1.3).

* l2task.onmicrosoft.com: signed, then a footer service wrote the body anew in quoted-printable; bh= is that of the
  decoded text. The signature that the second pass through the signer added matches.
* nokia.onmicrosoft.com, twice: the body has two Latin-1 bytes, bh= is of a text with U+FFFD in their place. The signer
  decoded the message as UTF-8 before it hashed what it then sent as it was. A verifier that reads mail as UTF-8 text
  finds the same, by the same mistake.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import quopri

from dkim.canonicalization import CanonicalizationPolicy

from filterd.auth.dkim import check_body, read_canonicalization, read_number, read_terms
from filterd.auth.signature import (
    SignatureError,
    canonical,
    canonical_body,
    from_base64,
    parse_tags,
)
from filterd.limits import LIMITS
from filterd.mail.message import Message
from tests.support.shared import messages

CORPUS = "vger-mixed-2019-2021"
NOT_WHAT_WAS_SENT = ["quoted-printable", "replacement", "replacement"]
REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")


def test_body_hashes_of_real_mail_match() -> None:
    seen = 0
    wrong: list[str] = []
    unread: set[str] = set()
    for path in (*messages(CORPUS, "ham"), *messages(CORPUS, "spam")):
        message = Message.from_bytes(path.read_bytes())
        for field in message.header.all("dkim-signature"):
            try:
                tags = parse_tags(field.unfolded, LIMITS.signature_bytes)
                terms = read_terms(field, tags, REQUIRED)
            except SignatureError as error:
                unread.add(error.reason)
                continue
            seen += 1
            _, relaxed = read_canonicalization(tags)
            try:
                length = read_number(tags, "l")
                check_body(terms, canonical(message), relaxed=relaxed, length=length)
            except SignatureError:
                assert dkimpy_agrees(message, tags["bh"], tags.get("c")), path.name
                wrong.append(other_text(message, tags["bh"], relaxed=relaxed))
    assert seen > 2_000
    assert unread == {"rsa-sha1 is historic"}
    assert sorted(wrong) == NOT_WHAT_WAS_SENT


def other_text(message: Message, expected: bytes, *, relaxed: bool) -> str:
    """Of which other text the hash is; "" where nobody knows."""
    body = message.body
    texts = {
        "quoted-printable": quopri.decodestring(body),
        "replacement": body.decode("utf-8", "replace").encode(),
    }
    for name, text in texts.items():
        if hashlib.sha256(canonical_body(text, relaxed=relaxed)).digest() == from_base64(
            expected
        ):
            return name
    return ""


def dkimpy_agrees(message: Message, expected: bytes, c: bytes | None) -> bool:
    """Whether dkimpy, too, finds another hash."""
    body = message.body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    text = CanonicalizationPolicy.from_c_value(c or b"simple/simple").canonicalize_body(body)
    return hashlib.sha256(text).digest() != from_base64(expected)


def test_every_canonical_body_of_real_mail_is_dkimpys() -> None:
    for path in messages(CORPUS, "ham", 150):
        message = Message.from_bytes(path.read_bytes())
        body = message.body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        for name, relaxed in ((b"simple/simple", False), (b"relaxed/relaxed", True)):
            theirs = CanonicalizationPolicy.from_c_value(name).canonicalize_body(body)
            ours, length = canonical(message).body(relaxed=relaxed)
            assert (ours, length) == (hashlib.sha256(theirs).digest(), len(theirs)), path.name


def test_base64_is_read_as_strictly_as_it_is_written() -> None:
    assert from_base64(b" QUJD\r\n\tREVG ") == b"ABCDEF"
    for junk in (b"", b"=", b"QUJ", b"QU=JD", b"QUJD!", b"\xff"):
        assert from_base64(junk) is None
    assert binascii.a2b_base64(base64.b64encode(b"x")) == b"x"

"""Body hashes of real signatures: what a list's archive kept unchanged must match.

2,173 signatures of rsa-sha256 in real list mail; all but three match. The three are of two hosts that sign
before converting the body from or to quoted-printable (7.1), and dkimpy finds them wrong as well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from dkim.canonicalization import CanonicalizationPolicy

from filterd.auth.dkim import check_body, read_canonicalization, read_number, read_terms
from filterd.auth.signature import SignatureError, canonical, from_base64, parse_tags
from filterd.limits import LIMITS
from filterd.mail.message import Message
from tests.support.shared import messages

CORPUS = "vger-mixed-2019-2021"
ALTERED_IN_TRANSIT = 3
REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")


def test_body_hashes_of_real_mail_match() -> None:
    seen = 0
    wrong: list[tuple[str, bool]] = []
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
                wrong.append((path.name, dkimpy_agrees(message, tags["bh"], tags.get("c"))))
    assert seen > 2_000
    assert unread == {"rsa-sha1 is historic"}
    assert [name for name, agrees in wrong if not agrees] == []
    assert len(wrong) <= ALTERED_IN_TRANSIT
    assert (seen - len(wrong)) / seen > 0.998


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

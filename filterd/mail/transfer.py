"""transfer - transfer encodings undone as readers undo them (RFC 2045 6, and uuencode).

Owns:   undo, decode_base64, decode_uu, ENCODINGS.
Not here: how much of a part is decoded (mail.mime), charsets (mail.charset).
Rules of this file: any bytes give bytes, in linear time; what is odd is passed over.
"""

from __future__ import annotations

import binascii
import re

MANY_PIECES = 10_000  # of base64 in one body; 1 us each

ENCODINGS = frozenset(
    {"7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue"}
)
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_BASE64_LINES = re.compile(rb"[A-Za-z0-9+/\s]*+[=\s]*+\Z")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]{1,255}\r?$", re.MULTILINE)


def undo(encoding: str, body: bytes) -> bytes:
    """The body with that encoding undone, as it is where there is none (or an unknown one)."""
    if encoding == "base64":
        return decode_base64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding in {"x-uuencode", "uuencode", "x-uue"}:
        return decode_uu(body)
    return body


def decode_base64(body: bytes) -> bytes:
    """Base64 as readers take it: foreign characters passed over, padding may be missing.

    Text after the padding is only decoded if all of it looks like base64 (concatenated pieces), so
    that a list's footer does not become noise.
    """
    pad = body.find(b"=")
    if pad >= 0 and len(body) - pad > 4:
        kept = body[pad:].lstrip(b"=\r\n\t ")
        if kept:
            head = _quads(body[:pad])
            return (
                head + decode_base64_pieces(kept)
                if _BASE64_LINES.match(kept.replace(b"=", b" "))
                else head
            )
    return _quads(body)


def decode_base64_pieces(body: bytes) -> bytes:
    """Pieces of base64, each padded on its own, one after the other."""
    pieces = [piece for piece in body.split(b"=", MANY_PIECES) if piece]
    return b"".join(_quads(piece) for piece in pieces[:MANY_PIECES])


def _quads(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        kept = body.translate(None, _NOT_BASE64).partition(b"=")[0]
        if len(kept) % 4 == 1:
            kept = kept[:-1]
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def decode_uu(body: bytes) -> bytes:
    """The first uuencoded file in the text, or the text itself."""
    match = _UU_BEGIN.search(body)
    if match is None:
        return body
    pieces = []
    for line in body[match.end() :].splitlines():
        if line == b"end":
            break
        if not line:
            continue
        try:
            pieces.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders write a wrong length: decode what the length byte promises.
            count = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                pieces.append(binascii.a2b_uu(line[:count]))
            except binascii.Error:
                break
    return b"".join(pieces)

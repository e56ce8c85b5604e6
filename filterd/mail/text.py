"""text - what a reader sees: encoded words (RFC 2047), visible text, words.

Owns:   decode_words, visible_text, words, is_in_capitals.
Not here: charsets (mail.charset), HTML (mail.html), transfer encodings (mail.mime).
Rules of this file: any bytes give a text, in time linear in them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from filterd.limits import LIMITS
from filterd.mail.charset import codec_of, decode

if TYPE_CHECKING:
    from filterd.mail.html import HtmlDocument
    from filterd.mail.mime import Part

# RFC 2047 2; the language suffix is RFC 2231 5. White space inside is common and tolerated in Q.
_ENCODED_WORD = re.compile(
    rb"=\?([^?\s*]{1,40}+)(?:\*[^?\s]{0,40}+)?\?([bBqQ])\?([^?]*+)\?=(?=(\s++)(?==\?[^?\s]{1,80}+\?[bBqQ]\?))?"
)
_WORD = re.compile(r"\w+(?:['’\-.@]\w+)*", re.UNICODE)
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))  # fmt: skip


def decode_words(value: bytes) -> str:
    """The text of an unstructured field body, encoded words decoded (RFC 2047, RFC 6532).

    Adjacent encoded words of one charset are joined before decoding, because senders split
    characters between them; white space between encoded words vanishes (RFC 2047 6.2).
    """
    if value.find(b"=?") < 0:
        return _plain(value)
    pieces: list[str] = []
    pending = b""  # decoded bytes of adjacent encoded words
    charset = ""
    position = 0
    joined = False
    for match in _ENCODED_WORD.finditer(value):
        between = value[position : match.start()]
        if not joined and pending:
            pieces.append(decode(pending, charset))
            pending = b""
        if between and not joined:
            pieces.append(_plain(between))
        name = match.group(1).decode("latin-1").lower()
        octets = _octets(match.group(2), match.group(3))
        if pending and name != charset:
            pieces.append(decode(pending, charset))
            pending = b""
        charset = name
        pending += octets
        joined = match.group(4) is not None
        position = match.end() + (len(match.group(4)) if joined else 0)
        if codec_of(charset) not in {"utf_8", "ascii"} and pending:
            # Stateful charsets end each word in ASCII (RFC 2047 3): joining could only harm.
            pieces.append(decode(pending, charset))
            pending = b""
    if pending:
        pieces.append(decode(pending, charset))
    pieces.append(_plain(value[position:]))
    return "".join(pieces)


def _octets(encoding: bytes, content: bytes) -> bytes:
    """The bytes of one encoded word's encoded-text."""
    if encoding in b"qQ":
        return binascii.a2b_qp(content, header=True)
    kept = content.translate(None, _NOT_BASE64)
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def _plain(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return decode(value)


def visible_text(parts: Iterable[Part], html: Sequence[HtmlDocument]) -> str:
    """Plain parts and the visible text of HTML parts in order, bounded by `limits.text_bytes`.

    `html` are the documents of the shown HTML parts in their order. The bound counts characters.
    """
    documents = iter(html)
    pieces: list[str] = []
    room = LIMITS.text_bytes
    for part in parts:
        if room <= 0:
            break
        if part.is_attachment or (part.is_multipart and "no-parts" not in part.defects):
            continue
        if part.is_html:
            document = next(documents, None)
            piece = document.visible if document is not None else ""
        elif (
            part.is_text or part.is_multipart
        ):  # readers show a multipart without parts as it is
            piece = part.text
        else:
            continue
        pieces.append(piece[:room])
        room -= len(piece) + 1
    return "\n".join(pieces)


def is_in_capitals(text: str, least: int) -> bool:
    """True for a text of `least` letters or more, all of them capitals."""
    if text.isascii() and not text.isupper():
        return False
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) >= least and all(map(str.isupper, letters))


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, inner apostrophes, hyphens and dots kept."""
    return _WORD.findall(text.lower())

"""signature - what DKIM and ARC have in common: tag lists, canonical forms, the bytes that are signed.

Owns:   parse_tags, Canonical (hashes of one message, each computed once), strip_b, base64 of tags.
Asks:   nothing. The only importer of dkimpy, which parses tag lists and canonicalises fields; the body
        is canonicalised here, because dkimpy's patterns take time quadratic in a run of blanks (20 kB
        of them: 0.77 s; deploy/decisions/0201-dkim-by-dkimpy-and-cryptography.md).
Not here: keys (auth.key), what a signature means (auth.dkim, auth.arc).
RFC 6376 sections 3.2, 3.4, 3.7, 5.4.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from weakref import WeakKeyDictionary

from filterd.auth.offline import without_resolvers
from filterd.mail.header import Field, Header
from filterd.mail.message import Message

with without_resolvers():
    from dkim.canonicalization import Relaxed
    from dkim.util import InvalidTagValueList, parse_tag_value

_TAG_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*\Z")
_WHITE = bytes(range(0x21))  # all that may fold a base64 value, and nothing that is base64
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}\Z")


class SignatureError(Exception):
    """Why a signature or key cannot pass: an RFC 8601 result, and the reason in RFC 6376's words."""

    def __init__(self, result: str, reason: str) -> None:
        self.result = result
        self.reason = reason
        super().__init__(f"{result}: {reason}")


@lru_cache(maxsize=256)  # a signature is read for its question, then for its result
def parse_tags(unfolded: bytes, max_bytes: int) -> Mapping[str, bytes]:
    """Return the tags of an unfolded tag list (RFC 6376 3.2); SignatureError permerror otherwise.

    A repeated tag makes the whole list invalid, as the RFC says.
    """
    if len(unfolded) > max_bytes:
        raise SignatureError("permerror", "signature syntax error: too long")
    try:
        tags = parse_tag_value(unfolded)
    except InvalidTagValueList as error:
        name = type(error).__name__.replace("Tag", " tag").lower().strip()
        raise SignatureError("permerror", f"signature syntax error: {name}") from None
    for key in tags:  # dkimpy looks at the first letter only
        if _TAG_NAME.match(key) is None:
            raise SignatureError("permerror", "signature syntax error: invalid tag name")
    return {name.decode("ascii"): value for name, value in tags.items()}


def from_base64(value: bytes) -> bytes | None:
    """The bytes of a base64 tag value, folding white space ignored; None if it is none."""
    packed = value.translate(None, _WHITE)
    if _BASE64.match(packed) is None:
        return None
    try:
        return base64.b64decode(packed, validate=True)
    except binascii.Error:
        return None


def split_names(value: bytes) -> tuple[str, ...]:
    """The field names of an h= tag, lower case, in order."""
    return tuple(name.strip().lower().decode("latin-1") for name in value.split(b":"))


def strip_b(raw: bytes) -> bytes:
    """The signature field's value with the value of b= deleted, white space around it included."""
    parts = raw.split(b";")
    for index, part in enumerate(parts):
        name, equals, _ = part.partition(b"=")
        if equals and name.strip() == b"b":
            parts[index] = name + equals
    return b";".join(parts)


def crlf(data: bytes) -> bytes:
    """The same text with every line end CRLF: libmilter folds with LF, files may have LF alone."""
    if data.count(b"\n") == data.count(b"\r\n"):
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def canonical_body(body: bytes, *, relaxed: bool) -> bytes:
    """The body in canonical form (RFC 6376 3.4.3, 3.4.4), in time linear in its length."""
    text = crlf(body)
    if relaxed:
        text = text.replace(b"\t", b" ")
        while b"  " in text:  # each pass halves every run, so all passes cost less than two
            text = text.replace(b"  ", b" ")
        text = text.replace(b" \r\n", b"\r\n").removesuffix(b" ")
    content = text.rstrip(b"\r\n")
    tail = text[len(content) :]
    if tail.endswith(b"\r"):  # a bare CR is no line end: nothing to strip
        content = text
    else:  # what follows the last CR that is not part of a CRLF are empty lines
        content += tail[: tail.rfind(b"\r\r") + 1]
    if not content and relaxed:
        return b""
    return content + b"\r\n"


class Canonical:
    """The hashes of one message, shared by all its signatures: each is computed once."""

    def __init__(self, message: Message) -> None:
        self._header: Header = message.header
        self._body = message.body
        self._digests: dict[tuple[bool, int | None], tuple[bytes, int]] = {}
        self._relaxed: dict[Field, bytes] = {}

    def body(self, *, relaxed: bool, length: int | None = None) -> tuple[bytes, int]:
        """SHA-256 of the canonical body (of its first `length` octets), and its full length."""
        found = self._digests.get((relaxed, length))
        if found is None:
            canonical = canonical_body(self._body, relaxed=relaxed)
            found = (hashlib.sha256(canonical[:length]).digest(), len(canonical))
            self._digests[relaxed, length] = found
        return found

    def field(self, field: Field, *, relaxed: bool) -> bytes:
        """One field in canonical form (RFC 6376 3.4.1, 3.4.2), CRLF included."""
        if not relaxed:
            return _name(field) + b":" + crlf(field.raw) + b"\r\n"
        found = self._relaxed.get(field)
        if found is None:
            [(name, value)] = Relaxed.canonicalize_headers([(_name(field), field.raw)])
            found = self._relaxed[field] = name + b":" + value
        return found

    def signed(self, names: Iterable[str], own: Field, *, relaxed: bool) -> bytes:
        """SHA-256 of what is signed."""
        return hashlib.sha256(self.signed_data(names, own, relaxed=relaxed)).digest()

    def signed_data(self, names: Iterable[str], own: Field, *, relaxed: bool) -> bytes:
        """What is signed: the fields named, bottom up, then the signature's own, its b= empty."""
        taken: Counter[str] = Counter()
        pieces: list[bytes] = []
        # 3.7: a signature does not sign itself, it was not there yet.
        others = tuple(field for field in self._header.all(own.key) if field is not own)
        for name in names:
            found = others if name == own.key else self._header.all(name)
            taken[name] += 1
            if taken[name] <= len(found):  # a field named too often counts as empty (5.4.2)
                pieces.append(self.field(found[-taken[name]], relaxed=relaxed))
        pieces.append(self.unsigned(own, relaxed=relaxed))
        return b"".join(pieces)

    def unsigned(self, own: Field, *, relaxed: bool) -> bytes:
        """A signature field as it is hashed for itself: b= empty, no CRLF at the end."""
        bare = Field(own.name, strip_b(own.raw))
        return self.field(bare, relaxed=relaxed).removesuffix(b"\r\n")


def _name(field: Field) -> bytes:
    return field.name.encode("latin-1", "replace")


_CANONICAL: WeakKeyDictionary[Message, Canonical] = WeakKeyDictionary()


def canonical(message: Message) -> Canonical:
    """The shared hashes of that message; DKIM and ARC checks of one scan meet here."""
    found = _CANONICAL.get(message)
    if found is None:
        found = _CANONICAL[message] = Canonical(message)
    return found

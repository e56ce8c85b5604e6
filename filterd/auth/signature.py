"""signature - what DKIM and ARC have in common: tag lists, canonical forms, the bytes that are signed.

Owns:   parse_tags, field_tags, canonical forms, Canonical (hashes of one message, each computed once),
        strip_b, base64 of tags.
Asks:   nothing. The only importer of dkimpy, which parses tag lists. Bodies and fields are canonicalised
        here: dkimpy's patterns take time quadratic in a run of blanks (20 kB of them: 0.77 s), and five
        times ours for a field (deploy/decisions/0201-dkim-by-dkimpy-and-cryptography.md).
Not here: keys (auth.key), what a signature means (auth.dkim, auth.arc).
RFC 6376 sections 3.2, 3.4, 3.7, 5.4.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from weakref import WeakKeyDictionary

from filterd.auth.offline import without_resolvers
from filterd.mail.header import Field, Header
from filterd.mail.message import Message

with without_resolvers():
    from dkim.util import InvalidTagValueList, parse_tag_value

_WHITE = bytes(range(0x21))  # all that may fold a base64 value, and nothing that is base64
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}\Z")
_BLANKS = re.compile(b"  +")
_MANY_RUNS = (
    5_000  # a pattern takes a third of the time of passes where runs are few (0.1 us each)
)


class SignatureError(Exception):
    """Why a signature or key cannot pass: an RFC 8601 result, and the reason in RFC 6376's words."""

    def __init__(self, result: str, reason: str) -> None:
        self.result = result
        self.reason = reason
        super().__init__(f"{result}: {reason}")


@lru_cache(maxsize=64)  # a signature is read for its question, then for its result; 3 kB each
def field_tags(field: Field, max_bytes: int) -> Mapping[str, bytes]:
    """Return the tags of a signature field, as `parse_tags` does."""
    return parse_tags(field.unfolded, max_bytes)


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
    if (
        tags and not b"".join(tags).replace(b"_", b"").isalnum()
    ):  # dkimpy reads a beginning only
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


def _single_blanks(text: bytes) -> bytes:
    """Each run of blanks and tabs as one blank, in time linear in the length."""
    text = text.replace(b"\t", b" ")
    if text.find(b"  ") < 0:
        return text
    text, found = _BLANKS.subn(b" ", text, count=_MANY_RUNS)
    while found == _MANY_RUNS and text.find(b"  ") >= 0:
        text = text.replace(b"  ", b" ")  # halves every run, so all passes cost less than two
    return text


def canonical_body(body: bytes, *, relaxed: bool) -> bytes:
    """The body in canonical form (RFC 6376 3.4.3, 3.4.4), in time linear in its length."""
    text = crlf(body)
    if relaxed:
        text = _single_blanks(text).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    content = text.rstrip(b"\r\n")
    tail = text[len(content) :]
    if tail.endswith(b"\r"):  # a bare CR is no line end: nothing to strip
        content = text
    else:  # what follows the last CR that is not part of a CRLF are empty lines
        content += tail[: tail.rfind(b"\r\r") + 1]
    if not content and relaxed:
        return b""
    return content + b"\r\n"


def canonical_field(field: Field, *, relaxed: bool) -> bytes:
    """One field in canonical form (RFC 6376 3.4.1, 3.4.2), CRLF included."""
    name = field.name.encode("latin-1", "replace")
    if not relaxed:
        return name + b":" + crlf(field.raw) + b"\r\n"
    unfolded = field.raw.replace(b"\r\n", b"").replace(b"\n", b"")
    return name.lower().rstrip() + b":" + _single_blanks(unfolded).strip(b" ") + b"\r\n"


class Canonical:
    """The hashes of one message, shared by all its signatures: each is computed once."""

    def __init__(self, message: Message) -> None:
        self._header: Header = message.header
        self._body = message.body
        self._texts: dict[bool, bytes] = {}  # canonical bodies
        self._digests: dict[tuple[bool, int | None], tuple[bytes, int]] = {}
        self._fields: dict[tuple[str, bool], tuple[tuple[Field, bytes], ...]] = {}

    def body(self, *, relaxed: bool, length: int | None = None) -> tuple[bytes, int]:
        """SHA-256 of the canonical body (of its first `length` octets), and its full length."""
        found = self._digests.get((relaxed, length))
        if found is None:
            text = self._texts.get(relaxed)
            if text is None:
                text = canonical_body(self._body, relaxed=relaxed)
                if length is not None:  # the next signature may cover another length
                    self._texts[relaxed] = text
            found = (hashlib.sha256(text[:length]).digest(), len(text))
            self._digests[relaxed, length] = found
        return found

    def fields(self, name: str, *, relaxed: bool) -> tuple[tuple[Field, bytes], ...]:
        """Every field of that name, top first, with its canonical form."""
        found = self._fields.get((name, relaxed))
        if found is None:
            fields = self._header.all(name)
            found = tuple(
                [(field, canonical_field(field, relaxed=relaxed)) for field in fields]
            )
            self._fields[name, relaxed] = found
        return found

    def signed(self, names: Iterable[str], own: Field, *, relaxed: bool) -> bytes:
        """SHA-256 of what is signed."""
        return hashlib.sha256(self.signed_data(names, own, relaxed=relaxed)).digest()

    def signed_data(self, names: Iterable[str], own: Field, *, relaxed: bool) -> bytes:
        """What is signed: the fields named, bottom up, then the signature's own, its b= empty."""
        left: dict[str, list[bytes]] = {}
        pieces: list[bytes] = []
        for name in names:
            forms = left.get(name)
            if forms is None:
                fields = self.fields(name, relaxed=relaxed)
                # 3.7: a signature does not sign itself, it was not there yet.
                forms = left[name] = [form for field, form in fields if field is not own]
            if forms:  # a field named too often counts as empty (5.4.2)
                pieces.append(forms.pop())
        pieces.append(unsigned(own, relaxed=relaxed))
        return b"".join(pieces)


def unsigned(own: Field, *, relaxed: bool) -> bytes:
    """A signature field as it is hashed for itself: b= empty, no CRLF at the end."""
    bare = Field(own.name, strip_b(own.raw))
    return canonical_field(bare, relaxed=relaxed).removesuffix(b"\r\n")


_CANONICAL: WeakKeyDictionary[Message, Canonical] = WeakKeyDictionary()


def canonical(message: Message) -> Canonical:
    """The shared hashes of that message; DKIM and ARC checks of one scan meet here."""
    found = _CANONICAL.get(message)
    if found is None:
        found = _CANONICAL[message] = Canonical(message)
    return found

"""view - a message as SpamAssassin's rules see it: fields, body lines, raw chunks, URIs.

Owns:   View. Each place is made on first use.
Not here: HTML (render), URIs (uri), relays (relay), matching (program).
What each place holds is in Mail::SpamAssassin::Conf(3pm) under "header", "body", "rawbody", "uri", "full".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from filterd.mail.address import parse
from filterd.mail.derived import derived
from filterd.mail.domain import organizational
from filterd.mail.text import decode_words
from filterd.ruleset.spamassassin import relay, uri
from filterd.ruleset.spamassassin.render import Rendered, render

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction
    from filterd.mail.header import Field
    from filterd.mail.mime import Part

BODY_PART = 50_000  # characters of one part that body rules see
RAW_PART = 500_000  # bytes of one part that rawbody rules see
LINE = 2_048  # characters of one body line; a raw chunk has one to two times as many
MAX_HOST_TEXT = 1_000  # characters of a field in which a host name is looked for
HEADER = 65_536  # bytes of all fields together

_PARAGRAPHS = re.compile(r"\n[\n \t\r\f\x0b\xa0]*\n+")
_SPACES = re.compile(
    r"[ \t\n\r\f\x0b\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
)
_FOLD = re.compile(r"\r?\n[ \t]+")
_UNDECODED = re.compile(
    r"(?:received|(?:resent-)?(?:message-id|date)|mime-version|references|in-reply-to|list-.*)\Z"
)
_HIDDEN = "=\ue000?"
_HOST = re.compile(r"[^\s@<>\"(),;:\[\]]{1,251}\.[A-Za-z][A-Za-z0-9-]{1,62}")
_IP = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])")


def octets(text: str) -> bytes:
    """The text as SpamAssassin sees it: UTF-8."""
    return text.encode("utf-8", "replace")


class View:
    """One transaction."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.message = tx.message
        self._got: dict[str, list[bytes]] = {}

    # -- fields -----------------------------------------------------------------------------

    def field(self, request: str) -> bytes | None:
        """The text that header rules of that request look at, all fields of a name joined; or None."""
        found = self.get(request)
        if not found:
            return None
        return (b"" if found[0].endswith(b"\n") else b"\n").join(found)

    def get(self, request: str) -> list[bytes]:
        """The values of a field, or of one of SpamAssassin's own names, with modifiers."""
        known = self._got.get(request)
        if known is None:
            known = self._got[request] = self._get(request)
        return known

    def _get(self, request: str) -> list[bytes]:
        name, *modifiers = request.split(":")
        is_raw = "raw" in modifiers
        wants_address = "addr" in modifiers or "name" in modifiers
        values = self._values(name, is_raw or wants_address)
        if "first" in modifiers:
            values = values[:1]
        elif "last" in modifiers:
            values = values[-1:]
        if wants_address:
            values = self._mailboxes(values, "addr" in modifiers, is_raw)
        if {"host", "domain"} & set(modifiers):
            return [octets(h) for h in self._hosts(values, "domain" in modifiers)]
        if {"ip", "revip"} & set(modifiers):
            found = [m.group(1) for v in values if (m := _IP.search(v.decode("latin-1")))]
            if "revip" in modifiers:
                found = [".".join(reversed(ip.split("."))) for ip in found]
            return [octets(ip) for ip in found]
        return values

    def _values(self, name: str, is_raw: bool) -> list[bytes]:
        low = name.lower()
        if name == "ALL":
            return self._all(is_raw)
        if low in {"all-trusted", "all-internal", "all-untrusted", "all-external"}:
            return self._all(is_raw, low.endswith(("external", "untrusted")))
        if low == "envelopefrom":
            return [octets(self.tx.envelope.reverse_path)] if self.tx.envelope else []
        if low.startswith("x-spam-relays-"):
            return [octets(relay.text(self.relays, low.rpartition("-")[2]))]
        if low == "tocc":
            return [*self._fields("to", is_raw), *self._fields("cc", is_raw)]
        if name == "MESSAGEID":
            names = ("x-message-id", "resent-message-id", "x-original-message-id", "message-id")
            return [value for one in names for value in self._fields(one, is_raw)[-1:]]
        return self._fields(low, is_raw)

    def _fields(self, name: str, is_raw: bool) -> list[bytes]:
        fields = self.message.header.all(name)
        if is_raw:
            return [field.raw.replace(b"\r\n", b"\n") + b"\n" for field in fields]
        return [self._decoded(field) for field in fields]

    def _decoded(self, field: Field) -> bytes:
        if _UNDECODED.match(field.key):
            text = field.raw.replace(b"\r\n", b"\n").decode("utf-8", "replace")
            return octets(_FOLD.sub(" ", text).strip()) + b"\n"
        value = re.sub(rb"\r?\n[ \t]+", b" ", field.raw).strip()
        return octets(decode_words(value)) + b"\n"

    def _all(self, is_raw: bool, is_outside: bool | None = None) -> list[bytes]:
        """Every field as a line; or those before (True) or behind the internal relays' fields."""
        lines: list[bytes] = []
        room = HEADER
        received = 0
        for field in self.message.header:
            received += field.key == "received"
            if is_outside is not None and is_outside is not (
                received > self.trail.internal_fields
            ):
                continue
            name = field.name.encode("latin-1", "replace")
            if is_raw:
                line = name + b":" + field.raw.replace(b"\r\n", b"\n") + b"\n"
            else:
                line = name + b": " + self._decoded(field)
            room -= len(line)
            if room < 0:
                break
            lines.append(line)
        return lines

    @staticmethod
    def _mailboxes(values: Iterable[bytes], is_address: bool, is_raw: bool) -> list[bytes]:
        found: list[bytes] = []
        for value in values:
            # Encoded words are hidden from the reader of addresses, which would decode them.
            text = (
                _FOLD.sub(" ", value.decode("utf-8", "replace")).strip().replace("=?", _HIDDEN)
            )
            for mailbox in parse(text).mailboxes:
                if is_address:
                    if mailbox.address:
                        found.append(octets(mailbox.address.replace(_HIDDEN, "=?")))
                    continue
                name = octets((mailbox.display or mailbox.local).replace(_HIDDEN, "=?"))
                if not is_raw:
                    name = octets(" ".join(decode_words(name).split()))
                found.append(name)
        return found

    @staticmethod
    def _hosts(values: Iterable[bytes], is_domain: bool) -> Iterable[str]:
        for value in values:
            text = value.decode("utf-8", "replace")
            text = text[:MAX_HOST_TEXT]
            found = _HOST.search(text.rpartition("@")[2]) or _HOST.search(text)
            if found is not None:
                yield organizational(found.group().lower()) if is_domain else found.group()

    @derived
    def trail(self) -> relay.Trail:
        return relay.read(self.tx)

    @property
    def relays(self) -> tuple[relay.Relay, ...]:
        return self.trail.relays

    # -- body -------------------------------------------------------------------------------

    @derived
    def rendered(self) -> list[Rendered]:
        """The HTML parts, rendered, in order."""
        return [render(part.text) for part in self._leaves() if self._type(part) == "text/html"]

    def _leaves(self) -> list[Part]:
        parts = self.message.parts
        parents = {part.parent for part in parts}
        return [part for part in parts if part.index not in parents]

    @staticmethod
    def _type(part: Part) -> str:
        if part.filename.lower().endswith((".html", ".htm", ".shtml", ".shtm")):
            return "text/html"
        return part.content_type

    @derived
    def body(self) -> tuple[bytes, ...]:
        """The paragraphs of the rendered text, the subject before them."""
        subject = self._fields("subject", False)
        text = ""
        html = iter(self.rendered)
        for part in self._leaves():
            kind = self._type(part)
            if text:
                text += "\n"
            if kind == "text/html":
                piece = next(html).text
            elif kind == "text/plain":
                piece = part.text
            else:
                continue
            text += _cut(piece, BODY_PART)
        text = _SPACES.sub(" ", _PARAGRAPHS.sub("\x00", text)).replace("\x00", "\n")
        whole = (subject[-1] if subject else b"\n") + octets(text)
        return tuple(_lines(whole))

    @derived
    def raw_body(self) -> tuple[bytes, ...]:
        """Decoded text parts, not rendered, in chunks."""
        chunks: list[bytes] = []
        for part in self._leaves():
            if not self._type(part).startswith(("text/", "message/")):
                continue
            if part.content_type == "text/calendar":
                continue
            data = part.decoded.replace(b"\r\n", b"\n")
            if part.parent is not None and part.transfer_encoding not in {
                "base64",
                "quoted-printable",
            }:
                data += b"" if data.endswith(b"\n") or not data else b"\n"
            chunks += _chunks(data[:RAW_PART])
        return tuple(chunks)

    @derived
    def full(self) -> bytes:
        return self.message.raw.replace(b"\r\n", b"\n")

    @derived
    def uris(self) -> tuple[bytes, ...]:
        return tuple(octets(one) for one in uri.collect(self))

    def mime_fields(self, name: str, is_raw: bool) -> list[bytes]:
        """Every field of that name in the headers of all parts."""
        found: list[bytes] = []
        for part in self.message.parts:
            for field in part.header.all(name):
                if is_raw:
                    found.append(field.raw.replace(b"\r\n", b"\n") + b"\n")
                else:
                    found.append(self._decoded(field))
        return found


def _cut(text: str, size: int) -> str:
    """At most about `size` characters, cut where a line or a word ends."""
    if len(text) <= size:
        return text
    for mark in ("\n", " "):
        at = text.find(mark, size)
        if 0 <= at <= size + 1024:
            return text[: at + 1]
    return text[:size]


def _lines(data: bytes) -> Iterable[bytes]:
    """Lines with their ends; long ones in pieces that end with a space where they can."""
    for line in data.splitlines(keepends=True) if b"\r" not in data else _split(data):
        while len(line) > LINE:
            at = line.rfind(b" ", 0, LINE + 1) + 1 or LINE
            yield line[:at]
            line = line[at:]
        yield line


def _split(data: bytes) -> Iterable[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end + 1
        yield data[start:end]
        start = end


def _chunks(data: bytes) -> Iterable[bytes]:
    """Pieces of one to two times LINE, cut behind a line end, a > or a space."""
    if len(data) <= LINE:
        return (data,)
    pieces = []
    start = 0
    while len(data) - start > 2 * LINE:
        for mark in (b"\n", b">", b" "):
            at = data.find(mark, start + LINE)
            if at >= 0 and at - start + 1 <= 2 * LINE:
                break
        else:
            at = start + LINE
        pieces.append(data[start : at + 1])
        start = at + 1
    if start < len(data):
        pieces.append(data[start:])
    return pieces

"""message - one Internet message: its bytes, and what can be derived from them, once.

Owns:   Message. Everything below `raw`, `header`, `body` is derived on first use and kept, so no
        check pays for what no check asks.
Not here: the envelope (core.transaction), any opinion.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from filterd.limits import LIMITS, Limits
from filterd.mail.derived import derived
from filterd.mail.header import Header, split

if TYPE_CHECKING:
    from filterd.mail.address import AddressList
    from filterd.mail.html import HtmlDocument
    from filterd.mail.link import Link
    from filterd.mail.mime import Part, Tree
    from filterd.mail.trace import Hop


class Message:
    """A message as received. Immutable in meaning; derived values are cached properties.

    `marks` names every limit that was reached and every defect met so far ("oversize",
    "too-many-fields", "too-many-parts", ...).
    """

    def __init__(
        self, header: Header, body: bytes, *, size: int = 0, marks: Iterable[str] = ()
    ) -> None:
        self.header = header
        self.body = body
        self._size = size
        self._marks = tuple(marks)
        self._lists: dict[str, AddressList] = {}
        self._texts: dict[str, str] = {}

    @classmethod
    def from_bytes(cls, raw: bytes, *, limits: Limits = LIMITS) -> Message:
        """Parse a whole message (file, HTTP); CRLF or LF line ends, mbox From line passed over."""
        size = len(raw)
        marks = []
        if size > limits.message_bytes:
            raw = raw[: limits.message_bytes]
            marks.append("oversize")
        header, offset, defects = split(raw, limits.header_fields, limits.header_bytes)
        return cls(header, raw[offset:], size=size, marks=(*marks, *defects))

    @derived
    def size(self) -> int:
        """Bytes as sent, which is more than `len(raw)` when only a prefix was kept."""
        if self._size:
            return self._size
        return sum([len(f.name) + len(f.raw) + 3 for f in self.header]) + 2 + len(self.body)

    @derived
    def raw(self) -> bytes:
        """The whole message with CRLF after each field, body bytes as received."""
        return b"".join(field.line for field in self.header) + b"\r\n" + self.body

    @property
    def marks(self) -> frozenset[str]:
        """Limits reached and structural defects, those of the MIME tree included."""
        return frozenset(self._marks) | self.tree.marks

    @property
    def is_oversize(self) -> bool:
        return "oversize" in self._marks

    # -- MIME -------------------------------------------------------------------------------

    @derived
    def tree(self) -> Tree:
        """The parts, outermost first, depth first; bounded (mail.mime)."""
        from filterd.mail.mime import walk

        return walk(self.header, self.body)

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.tree.parts

    @derived
    def attachments(self) -> tuple[Part, ...]:
        """Leaf parts that a reader would see as a file."""
        return tuple(part for part in self.parts if part.is_attachment)

    @derived
    def html(self) -> tuple[HtmlDocument, ...]:
        """Each text/html part that is shown, parsed once (mail.html)."""
        from filterd.mail.html import parse

        documents = []
        room = LIMITS.html_bytes
        for part in self.parts:
            if part.is_html and not part.is_attachment and room > 0:
                text = part.text[:room]
                room -= len(text) + 1_000  # many small documents cost too
                documents.append(parse(text))
        return tuple(documents)

    @derived
    def text(self) -> str:
        """What a reader sees: plain parts, and the visible text of HTML parts; bounded."""
        from filterd.mail.text import visible_text

        return visible_text(self.parts, self.html)

    @derived
    def links(self) -> tuple[Link, ...]:
        """Every distinct link and bare domain, in order of appearance; bounded."""
        from filterd.mail.link import collect

        return collect(self)

    # -- header -----------------------------------------------------------------------------

    @derived
    def subject(self) -> str:
        """The decoded subject (RFC 2047), white space folded; "" where absent."""
        return self.decoded("subject")

    def decoded(self, name: str) -> str:
        """The topmost field of that name, unfolded, encoded words decoded; "" where absent."""
        known = self._texts.get(name)
        if known is None:
            from filterd.mail.text import decode_words

            field = self.header.first(name)
            known = self._texts[name] = decode_words(field.unfolded) if field else ""
        return known

    @derived
    def author(self) -> AddressList:
        """The strictly read From fields, all of them joined (RFC 5322 3.6.2)."""
        return self.addresses("from")

    def addresses(self, name: str) -> AddressList:
        """Addresses of every field of that name, with defects (mail.address)."""
        known = self._lists.get(name)
        if known is None:
            from filterd.mail.address import parse_fields

            known = self._lists[name] = parse_fields(self.header.all(name))
        return known

    @derived
    def hops(self) -> tuple[Hop, ...]:
        """The Received fields, newest first (mail.trace)."""
        from filterd.mail.trace import read

        return read(self.header)

    @derived
    def date(self) -> float | None:
        """The Date field in seconds since the epoch; None where absent or unreadable."""
        from filterd.mail.trace import parse_date

        field = self.header.first("date")
        return parse_date(field.value) if field else None

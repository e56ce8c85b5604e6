"""header - the header section as received: fields in order, byte-exact (RFC 5322 2.2).

Owns:   Field, Header; splitting, unfolding, the nth occurrence of a name.
Not here: decoding of encoded words (mail.text), addresses (mail.address).
Rules of this file: bytes in, bytes kept; `raw` joined gives what came in, or DKIM cannot be right.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

_FOLD = re.compile(rb"\r?\n(?=[ \t])|\r(?!\n)")
_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field.

    `name` as spelt by the sender; `raw` is every byte after the colon without the final line end,
    so leading white space and folding are kept.
    """

    name: str
    raw: bytes

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def unfolded(self) -> bytes:
        """The value on one line, outer white space removed (RFC 5322 2.2.3)."""
        raw = self.raw
        if b"\n" in raw or b"\r" in raw:
            raw = _FOLD.sub(b"", raw)
        return raw.strip(b" \t\r\n")

    @property
    def value(self) -> str:
        """The unfolded value as text: UTF-8 (RFC 6532), else Latin-1; never fails."""
        data = self.unfolded
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    @property
    def line(self) -> bytes:
        """The field as it goes on the wire, CRLF included; bare LF folds become CRLF."""
        return self.name.encode("latin-1", "replace") + b":" + self.raw + b"\r\n"


class Header:
    """An immutable sequence of fields; look-up by name ignores case."""

    __slots__ = ("__dict__", "fields", "skipped")

    def __init__(self, fields: Iterable[Field], skipped: int = 0) -> None:
        self.fields: tuple[Field, ...] = tuple(fields)
        self.skipped = skipped  # fields beyond the limit, not kept

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    @cached_property
    def _by_key(self) -> dict[str, tuple[Field, ...]]:
        index: dict[str, list[Field]] = {}
        for field in self.fields:
            index.setdefault(field.key, []).append(field)
        return {key: tuple(found) for key, found in index.items()}

    def all(self, name: str) -> tuple[Field, ...]:
        """Every field of that name, top first."""
        return self._by_key.get(name.lower(), ())

    def first(self, name: str) -> Field | None:
        found = self.all(name)
        return found[0] if found else None

    def value(self, name: str, default: str = "") -> str:
        """The unfolded text of the topmost field of that name, or `default`."""
        found = self.all(name)
        return found[0].value if found else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_key


def _past_mbox_line(raw: bytes) -> int:
    """The offset of the first field, after the "From " line of an mbox."""
    if not raw.startswith((b"From ", b">From ")):
        return 0
    return raw.find(b"\n") + 1 or len(raw)


def split(  # noqa: C901 - one loop, 6 us a message
    raw: bytes,
    max_fields: int,
    max_bytes: int,
    *,
    start: int = 0,
    delimiters: Container[bytes] = (),
) -> tuple[Header, int, tuple[str, ...]]:
    """Return (header, offset of the body, defects) of a whole message; any bytes give a result.

    Defects: "mbox-from" (a leading "From " line was passed over), "junk-line" (a line that is no
    field ends the header, as MTAs treat it), "too-many-fields", "header-too-long".
    Lines may end in CRLF or LF. `max_bytes` bounds what is looked at. The header of a part begins
    at `start` and also ends before a line that is in `delimiters` (white space at its end off).
    """
    defects: list[str] = []
    fields: list[Field] = []
    skipped = 0
    size = len(raw)
    end = min(size, start + max_bytes)
    position = start or _past_mbox_line(raw)
    if position > start:
        defects.append("mbox-from")
    name: str | None = None
    begin = 0  # of the value of the field being read
    last = 0  # end of its last line, line end excluded

    def finish() -> None:
        nonlocal skipped
        if name is None:
            return
        if len(fields) < max_fields:
            fields.append(Field(name, raw[begin:last]))
        else:
            skipped += 1

    while position < size:
        if position >= end:
            defects.append("header-too-long")
            break
        newline = raw.find(b"\n", position)
        next_line = newline + 1 if newline >= 0 else size
        stop = newline if newline >= 0 else size
        if stop > position and raw[stop - 1] == 0x0D:
            stop -= 1
        if stop == position:  # the empty line
            position = next_line
            break
        first = raw[position]
        if name is not None and first in b" \t":
            last = stop
        else:
            if first == 0x2D and delimiters and raw[position:stop].rstrip() in delimiters:
                break
            match = _NAME.match(raw, position, stop)
            if match is None:
                defects.append("junk-line")
                break
            finish()
            name, begin, last = match.group(1).decode("latin-1"), match.end(), stop
        position = next_line
    finish()
    if skipped:
        defects.append("too-many-fields")
    return Header(fields, skipped), position, tuple(defects)

"""header - the header section as received: fields in order, byte-exact (RFC 5322 2.2).

Owns:   Field, Header; gathering within limits, splitting, unfolding, the nth occurrence of a name.
Not here: decoding of encoded words (mail.text), addresses (mail.address).
Rules of this file: bytes in, bytes kept; `raw` joined gives what came in, or DKIM cannot be right.
        Nobody hides a field that decides behind thousands that do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

# Numbers: `bytes in bytes` raises and drops a TypeError first (CPython 3.11), 2,000 instructions a question.
_LF, _CR = 0x0A, 0x0D
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])|\r(?!\n)")
_NO_FOLD = re.compile(rb"\n(?![ \t])")  # a line end that is none, which no MTA passes on
_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")

# What a reader is shown, is led by or trusts: kept beyond the limits, or 2,000 fields of nothing in
# front would hide the author, the structure, or results that somebody forged.
DECISIVE = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "received",
     "mime-version", "content-type", "content-transfer-encoding", "content-disposition",
     "authentication-results", "dkim-signature", "arc-seal", "arc-message-signature",
     "arc-authentication-results", "list-id", "list-unsubscribe"}
)  # fmt: skip
DECISIVE_STEMS = ("x-spam-", "x-filterd-")
MOST_BEYOND = 1_000  # of one name beyond the limits
BYTES_BEYOND = 16 << 10  # of the value of such a field
_LOOKED_AT = 4  # times the bytes that are kept: so far a header is searched for decisive fields


@dataclass(slots=True, unsafe_hash=True)
class Field:
    """One header field. Never changed, but not frozen: that would cost thrice as much to make.

    `name` as spelt by the sender; `raw` is every byte after the colon without the final line end,
    so leading white space and folding are kept.
    """

    name: str
    raw: bytes
    _unfolded: bytes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def unfolded(self) -> bytes:
        """The value on one line, outer white space removed (RFC 5322 2.2.3)."""
        if self._unfolded is None:
            self._unfolded = _unfold(self.raw)
        return self._unfolded

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


def _unfold(raw: bytes) -> bytes:
    if _LF in raw or _CR in raw:
        if _NO_FOLD.search(raw) is None:
            raw = raw.translate(None, b"\r\n")
        else:
            raw = _FOLD.sub(b"", raw)
    return raw.strip(b" \t\r\n")


class Header:
    """An immutable sequence of fields; look-up by name ignores case."""

    __slots__ = ("_index", "fields", "skipped")

    def __init__(self, fields: Iterable[Field], skipped: int = 0) -> None:
        self.fields: tuple[Field, ...] = tuple(fields)
        self.skipped = skipped  # fields beyond the limit, not kept
        index: dict[str, list[Field]] = {}
        for one in self.fields:
            index.setdefault(one.name.lower(), []).append(one)
        self._index = {key: tuple(found) for key, found in index.items()}

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def all(self, name: str) -> tuple[Field, ...]:
        """Every field of that name, top first."""
        index = self._index
        return index.get(name) or index.get(name.lower(), ())

    def first(self, name: str) -> Field | None:
        index = self._index  # as `all`, without the call: some thirty times a message
        found = index.get(name) or index.get(name.lower())
        return found[0] if found else None

    def value(self, name: str, default: str = "") -> str:
        """The unfolded text of the topmost field of that name, or `default`."""
        found = self.all(name)
        return found[0].value if found else default

    def __contains__(self, name: str) -> bool:
        return name in self._index or name.lower() in self._index


class Gatherer:
    """Fields one by one, up to a number and a size; the decisive ones beyond it too, up to their own."""

    __slots__ = ("_beyond", "_fields", "_header", "_max_fields", "_room", "_skipped", "marks")

    def __init__(self, max_fields: int, max_bytes: int) -> None:
        self._fields: list[Field] = []
        self._max_fields = max_fields
        self._room = max_bytes
        self._skipped = 0
        self._header = Header(())  # what was last asked for
        self._beyond: Counter[str] = Counter()
        self.marks: set[str] = set()  # "too-many-fields", "header-too-long"

    def add(self, name: str, raw: bytes) -> None:
        """The next field; `raw` is every byte after the colon."""
        size = len(name) + len(raw) + 3
        if size > self._room:
            self.marks.add("header-too-long")
        elif len(self._fields) >= self._max_fields:
            self.marks.add("too-many-fields")
        else:
            self._room -= size
            self._fields.append(Field(name, raw))
            return
        key = name.lower()
        is_decisive = key in DECISIVE or key.startswith(DECISIVE_STEMS)
        if is_decisive and self._beyond[key] < MOST_BEYOND:
            self._beyond[key] += 1
            self._fields.append(Field(name, raw[:BYTES_BEYOND]))
        else:
            self._skipped += 1

    @property
    def header(self) -> Header:
        """What was gathered so far; the same one until there is more."""
        known = self._header
        if len(known) != len(self._fields) or known.skipped != self._skipped:
            known = self._header = Header(self._fields, self._skipped)
        return known


def _past_mbox_line(raw: bytes) -> int:
    """The offset of the first field, after the "From " line of an mbox."""
    if not raw.startswith((b"From ", b">From ")):
        return 0
    return raw.find(b"\n") + 1 or len(raw)


def split(
    raw: bytes,
    max_fields: int,
    max_bytes: int,
    *,
    start: int = 0,
    delimiters: Container[bytes] = (),
) -> tuple[Header, int, tuple[str, ...]]:
    """Return (header, offset of the body, defects) of a whole message; any bytes give a result.

    Defects: "mbox-from" (a leading "From " line was passed over), "junk-line" (a line that is no
    field ends the header, as MTAs treat it), and the marks of a Gatherer with these limits.
    Lines may end in CRLF or LF. The header of a part begins at `start` and also ends before a line
    that is in `delimiters` (white space at its end off).
    """
    defects: list[str] = []
    gathered = Gatherer(max_fields, max_bytes)
    size = len(raw)
    end = min(size, start + _LOOKED_AT * max_bytes)
    position = start or _past_mbox_line(raw)
    if position > start:
        defects.append("mbox-from")
    name: str | None = None
    begin = 0  # of the value of the field being read
    last = 0  # end of its last line, line end excluded

    while position < size:
        if position >= end:
            gathered.marks.add("header-too-long")
            if not delimiters:
                position = _body_after(raw, position)
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
            if name is not None:
                gathered.add(name, raw[begin:last])
            name, begin, last = match.group(1).decode("latin-1"), match.end(), stop
        position = next_line
    if name is not None:
        gathered.add(name, raw[begin:last])
    return gathered.header, position, (*defects, *sorted(gathered.marks))


def _body_after(raw: bytes, position: int) -> int:
    """Where the body begins of a header too long to be read to its end."""
    empty = _EMPTY_LINE.search(raw, position - 1)
    return empty.end() if empty is not None else len(raw)

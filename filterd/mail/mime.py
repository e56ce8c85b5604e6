"""mime - the tree of parts (RFC 2045, 2046, 2183), walked once, decoded on demand.

Owns:   Part, Tree, walk.
Not here: parameters of fields (mail.parameter), transfer encodings (mail.transfer), charsets
        (mail.charset), what looks suspicious (checks.mime, checks.attachment).
Rules of this file: one pass over the body whatever the nesting; any bytes give a tree; no limit of
        filterd.limits is passed and each reached one is marked. A part keeps offsets into the
        message and is sliced, decoded and read as text only when asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filterd.limits import LIMITS, Limits
from filterd.mail.charset import decode
from filterd.mail.derived import derived
from filterd.mail.header import Header, split
from filterd.mail.parameter import Parameterized, first_token, parameters
from filterd.mail.transfer import ENCODINGS, undo

PART_FIELDS = 100  # fields kept of a part's header


class Part:
    """One node of the tree; `parent` is the index of the part around it, None for the message.

    `raw` is the undecoded body; `decoded` and `text` are bounded by `limits.part_bytes` and
    `limits.text_bytes`. Defects: "bad-content-type", "several-content-type",
    "several-transfer-encoding", "unknown-transfer-encoding", "encoded-multipart", "no-boundary",
    "long-boundary", "no-parts", "unclosed", "junk-header", those of `parameters`.
    """

    __slots__ = (
        "__dict__", "body_end", "body_start", "charset", "content_type", "depth", "header", "index",
        "marked", "params", "parent", "source", "transfer_encoding",
    )  # fmt: skip

    def __init__(self, header: Header, source: bytes, start: int, *, default: str) -> None:
        self.header = header
        self.source = source
        self.body_start = start
        self.body_end = len(source)
        self.index = 0
        self.depth = 0
        self.parent: int | None = None
        self.marked: set[str] = set()
        self._read_type(default)
        self._read_encoding()

    def _read_type(self, default: str) -> None:
        fields = self.header.all("content-type")
        self.params: Mapping[str, str] = {}
        self.content_type = default
        if fields:
            read = parameters(fields[0].unfolded)
            self.params = read.params
            if "/" in read.value:
                self.content_type = read.value
            else:  # RFC 2045 5.2: what is not understood is text/plain
                self.content_type = "text/plain"
                self.marked.add("bad-content-type")
            self.marked |= read.defects
            if len(fields) > 1:
                self.marked.add("several-content-type")
        self.charset = self.params.get("charset", "").strip("\"' ").lower()[:60]

    def _read_encoding(self) -> None:
        fields = self.header.all("content-transfer-encoding")
        self.transfer_encoding = "7bit"
        if fields:
            self.transfer_encoding = first_token(fields[0].value[:200])
            if self.transfer_encoding not in ENCODINGS:
                self.marked.add("unknown-transfer-encoding")
            if len(fields) > 1:
                self.marked.add("several-transfer-encoding")

    @property
    def defects(self) -> frozenset[str]:
        return frozenset(self.marked)

    @property
    def raw(self) -> bytes:
        """The body as it stands in the message, transfer encoding kept."""
        return self.source[self.body_start : self.body_end]

    @property
    def size(self) -> int:
        """Bytes of `raw`."""
        return self.body_end - self.body_start

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    @property
    def is_html(self) -> bool:
        return self.content_type in {"text/html", "application/xhtml+xml"}

    @property
    def is_text(self) -> bool:
        return self.content_type.startswith("text/")

    @derived
    def _disposition(self) -> Parameterized:
        field = self.header.first("content-disposition")
        return parameters(field.unfolded) if field is not None else _NOTHING

    @property
    def disposition(self) -> str:
        """One of "inline", "attachment" and ""; an unknown one is "attachment" (RFC 2183 2.8)."""
        value = self._disposition.value
        return value if value in {"", "inline"} else "attachment"

    @derived
    def filename(self) -> str:
        """The decoded name by `filename`, else by `name`; "" without."""
        return self._disposition.params.get("filename") or self.params.get("name", "")

    @derived
    def content_id(self) -> str:
        return self.header.value("content-id").strip("<> \t")

    @derived
    def is_attachment(self) -> bool:
        """True for a leaf that a reader would see as a file: not shown text, not the message."""
        if self.is_multipart or self.content_type == "message/rfc822":
            return self.disposition == "attachment" and not self.is_multipart
        if self.disposition == "attachment":
            return True
        if self.is_text or self.is_html:
            return (
                bool(self.filename) and self.disposition != "inline" and self.parent is not None
            )
        return not self.content_type.startswith(("message/", "multipart/"))

    @derived
    def decoded(self) -> bytes:
        """The body with its transfer encoding undone, at most `limits.part_bytes` of it."""
        return decode_transfer(self, LIMITS.part_bytes)

    @derived
    def text(self) -> str:
        """The body as text, at most `limits.text_bytes` of it, line ends as LF."""
        limit = LIMITS.text_bytes
        octets = self.__dict__.get("decoded")
        if octets is None:
            octets = self.decoded if self.size <= limit else decode_transfer(self, limit)
        text = decode(octets[:limit], self.charset)
        return text.replace("\r\n", "\n") if "\r" in text else text


_NOTHING = Parameterized("", {}, frozenset())


def decode_transfer(part: Part, limit: int) -> bytes:
    """The part's body, decoded, at most `limit` bytes; marks "cut" where there was more."""
    encoding = part.transfer_encoding
    start = part.body_start
    # Encoded text is at most 3 (quoted-printable) or 1.4 times (base64 lines) what it carries.
    ample = limit * 3 + 1024 if encoding != "7bit" else limit + 1
    end = min(part.body_end, start + ample)
    body = part.source[start:end]
    body = undo(encoding, body)
    if len(body) > limit or end < part.body_end:
        part.marked.add("cut")
        body = body[:limit]
    return body


@dataclass(frozen=True, slots=True)
class Tree:
    """The parts in order, the message itself first; `marks` of limits and structural defects."""

    parts: tuple[Part, ...]
    marks: frozenset[str]


class _Walk:
    """State of one walk: open multiparts and their delimiter lines."""

    def __init__(self, body: bytes, limits: Limits) -> None:
        self.body = body
        self.limits = limits
        self.parts: list[Part] = []
        self.marks: set[str] = set()
        self.open: list[tuple[Part, bytes]] = []  # multiparts whose end is to come
        self.delimiters: dict[bytes, tuple[int, bool]] = {}  # line -> (level, is the last)
        self.starts: tuple[bytes, ...] = ()  # what a delimiter line begins with

    def add(self, part: Part, parent: Part | None) -> None:
        part.index = len(self.parts)
        part.parent = parent.index if parent is not None else None
        part.depth = parent.depth + 1 if parent is not None else 0
        self.parts.append(part)

    def enter(self, part: Part) -> Part:
        """Open what the part contains, and return the innermost part whose body goes on.

        That is what a multipart or a message/rfc822 holds. An encoded message (RFC 2046 5.2.1
        forbids it, readers open it) is walked in its decoded bytes when it has ended.
        """
        while True:
            if part.is_multipart:
                self._open_multipart(part)
                return part
            if part.content_type not in {"message/rfc822", "message/global"}:
                return part
            if part.depth + 1 >= self.limits.mime_depth:
                self.marks.add("too-deep")
                return part
            if part.transfer_encoding in {"base64", "quoted-printable"}:
                part.marked.add("encoded-message")
                return part
            inner = self.part_at(part.body_start, "text/plain")
            if inner is None:
                return part
            self.add(inner, part)
            part = inner

    def _open_multipart(self, part: Part) -> None:
        if part.depth + 1 >= self.limits.mime_depth:
            self.marks.add("too-deep")
            return
        boundary = part.params.get("boundary", "").rstrip()
        if not boundary:
            part.marked.add("no-boundary")
            return
        line = b"--" + _as_written(boundary, part)
        if len(line) > self.limits.boundary_bytes:
            part.marked.add("long-boundary")
            return
        if part.transfer_encoding in {"base64", "quoted-printable"}:
            part.marked.add("encoded-multipart")
        if line in self.delimiters:
            part.marked.add("same-boundary")
        self.open.append((part, line))
        self._index()

    def _index(self) -> None:
        self.delimiters = {}
        for level, (_, line) in enumerate(self.open):
            self.delimiters[line + b"--"] = (level, True)
        for level, (_, line) in enumerate(self.open):
            self.delimiters[line] = (level, False)
        self.starts = tuple(line for _, line in self.open)

    def part_at(self, start: int, default: str) -> Part | None:
        if len(self.parts) >= self.limits.mime_parts:
            self.marks.add("too-many-parts")
            return None
        header, offset, defects = split(
            self.body,
            PART_FIELDS,
            self.limits.header_bytes,
            start=start,
            delimiters=self.delimiters,
        )
        part = Part(header, self.body, offset, default=default)
        if defects:
            part.marked.add("junk-header")
        return part

    def run(self, root: Part) -> None:
        """Go from delimiter line to delimiter line; what is open at the end is unclosed."""
        body = self.body
        leaf = self.enter(root)
        position = leaf.body_start
        while self.open:
            at = self._line_at(position)
            if at < 0:
                break
            if not body.startswith(self.starts, at):
                position = at + 2
                continue
            newline = body.find(b"\n", at)
            stop = position = newline if newline >= 0 else len(body)
            if stop - at > self.limits.boundary_bytes:
                continue
            found = self._delimiter(body[at:stop].rstrip())
            if found is None:
                continue
            level, is_last = found
            self._end(leaf, self._before(at), level)
            parent = self.open[level][0]
            if is_last:
                parent.marked.add("closed")
                del self.open[level:]
                self._index()
                leaf = parent
                continue
            if len(self.open) > level + 1:
                del self.open[level + 1 :]
                self._index()
            default = (
                "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain"
            )
            fresh = self.part_at(min(stop + 1, len(body)), default)
            if fresh is None:
                return
            self.add(fresh, parent)
            leaf = self.enter(fresh)
            position = leaf.body_start
        self._open_encoded(leaf)

    def _delimiter(self, line: bytes) -> tuple[int, bool] | None:
        """(level, is the last) if the line is a delimiter of an open multipart.

        RFC 2046 5.1.1: it is enough that the line begins with the boundary. A line that is one
        exactly comes first, then the longest boundary that it begins with.
        """
        found = self.delimiters.get(line)
        if found is None and line.startswith(self.starts):
            known = max((one for one in self.delimiters if line.startswith(one)), key=len)
            found = self.delimiters[known]
        return found

    def _line_at(self, position: int) -> int:
        """The offset of the next line that begins with two hyphens, from `position` on, or -1."""
        body = self.body
        if body.startswith(b"--", position) and (position == 0 or body[position - 1] == 0x0A):
            return position
        return body.find(b"\n--", position) + 1 or -1

    def _open_encoded(self, part: Part) -> None:
        """Walk the message in a part that is base64 or quoted-printable, now that it has ended."""
        if "encoded-message" not in part.marked:
            return
        inside = _Walk(part.decoded, self.limits)
        inside.parts, inside.marks = self.parts, self.marks
        inner = inside.part_at(0, "text/plain")
        if inner is not None:
            self.add(inner, part)
            inside.run(inner)

    def _before(self, at: int) -> int:
        """The end of what precedes the delimiter line at `at` (RFC 2046 5.1.1: its CRLF is its)."""
        if at and self.body[at - 1] == 0x0A:
            at -= 1
            if at and self.body[at - 1] == 0x0D:
                at -= 1
        return at

    def _end(self, leaf: Part, end: int, level: int) -> None:
        """Set the end of the newest part and of what is open around it below `level`."""
        around: Part | None = leaf
        stop = self.open[level][0]
        while around is not None and around is not stop:
            around.body_end = max(end, around.body_start)
            around = self.parts[around.parent] if around.parent is not None else None
        if leaf is not stop:
            self._open_encoded(leaf)


def _as_written(boundary: str, part: Part) -> bytes:
    """The bytes of a boundary; `parameters` reads what is not UTF-8 as Latin-1."""
    if boundary.isascii():
        return boundary.encode("ascii")
    try:
        part.header.all("content-type")[0].raw.decode("utf-8")
        return boundary.encode("utf-8")
    except UnicodeDecodeError:
        return boundary.encode("latin-1", "replace")


def walk(header: Header, body: bytes, *, limits: Limits = LIMITS) -> Tree:
    """The parts of a message, depth first; see `Part` for what each knows.

    Marks: "too-many-parts", "too-deep", and any part's defect that changes the structure
    ("no-boundary", "no-parts", "unclosed", "long-boundary").
    """
    walker = _Walk(body, limits)
    root = Part(header, body, 0, default="text/plain")
    walker.add(root, None)
    walker.run(root)
    parents = {part.parent for part in walker.parts}
    for part in walker.parts:
        if part.is_multipart:
            if "closed" not in part.marked and part.index in parents:
                part.marked.add("unclosed")
            part.marked.discard("closed")
            if part.index not in parents:
                part.marked.add("no-parts")
    for part in walker.parts:
        walker.marks |= part.marked & _STRUCTURAL
    return Tree(tuple(walker.parts), frozenset(walker.marks))


_STRUCTURAL = frozenset(
    {
        "no-boundary",
        "no-parts",
        "unclosed",
        "long-boundary",
        "same-boundary",
        "encoded-multipart",
    }
)

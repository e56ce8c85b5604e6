r"""zonefile - zone text as RFC 1035 5 has it, and as people write it for tests.

Owns:   read_zone: `NAME [TTL] [IN] TYPE DATA`, one record a line or in parentheses, $ORIGIN, $TTL.
Not here: $INCLUDE and $GENERATE (a file named by mail tests opens no other); answering (zone.py).
Records are parsed by dnspython. Lines that cannot be read are left out and named; no line spoils another.

Names without a final dot stand below $ORIGIN, which is the root until it is set. Names beyond ASCII become
A-labels. Text without quotes is one string up to the end of the line (or to a `;` after white space), so
that `example.org TXT v=spf1 -all` means what it says; quoted strings are joined and may be longer than 255.
Faults: `NAME TIMEOUT`, `NAME SERVFAIL`, `NAME REFUSED`, `NAME NXDOMAIN` are the answer to every question
for the name that no record of its own answers; `NAME TIMEOUT TXT` (or `NAME TXT TIMEOUT`) that to one type, in
any case. Types that nobody asks for only make the name exist, as `NAME NODATA` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from filterd.core.lookup import RRType
from filterd.dns import wire
from filterd.mail.domain import to_alabel

DEFAULT_TTL = 3600
_FAULTS = {"TIMEOUT", "SERVFAIL", "REFUSED", "NXDOMAIN"}
_CLASSES = {"IN", "CH", "HS", "ANY"}
_TTL = re.compile(r"(?:\d{1,10}[smhdw]?){1,5}\Z", re.IGNORECASE)
_TTL_PART = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)
_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORD = re.compile(r'\s*((?:\\.|[^\s\\"])+|"(?:\\.|[^\\"])*")', re.DOTALL)
_COMMENT = re.compile(r"(?<!\\);.*", re.DOTALL)
_COMMENT_AFTER_SPACE = re.compile(r"\s;.*", re.DOTALL)

Labels = tuple[bytes, ...]


@dataclass(slots=True)
class Node:
    """What stands at one name."""

    records: dict[RRType, list[tuple[int, object]]] = field(default_factory=dict)  # TTL, value
    faults: dict[RRType | None, str] = field(default_factory=dict)
    dname: tuple[int, Labels] | None = None


def read_zone(text: str) -> tuple[Mapping[Labels, Node], tuple[str, ...]]:
    """Return the names of a zone file with what stands there, and what could not be read."""
    reader = _Reader()
    reader.read(text)
    return reader.nodes, tuple(reader.problems)


class _Reader:
    """Reads zone text into nodes, line by line, so that one bad line spoils no other."""

    def __init__(self) -> None:
        self.nodes: dict[Labels, Node] = {}
        self.problems: list[str] = []
        self._origin = ""
        self._ttl = DEFAULT_TTL
        self._owner: Labels | None = None

    def read(self, text: str) -> None:
        for number, line in _logical_lines(text):
            try:
                self._line(line)
            except (ValueError, dns.exception.DNSException) as error:
                reason = str(error) or type(error).__name__
                self.problems.append(f"line {number}: {reason}")

    def _line(self, line: str) -> None:
        if line.startswith("$"):
            self._directive(line)
            return
        position = 0
        if not line[0].isspace():
            word, position = _word(line, 0)
            self._owner = self._name(word)
        if self._owner is None:
            raise ValueError("a record without a name before it")
        ttl = self._ttl
        word, position = _word(line, position)
        for _ in range(2):  # TTL and class, in either order, both optional
            if word.upper() in _CLASSES:
                word, position = _word(line, position)
            elif _TTL.match(word):
                ttl = _seconds(word)
                word, position = _word(line, position)
        self._record(self._owner, ttl, word.upper(), line[position:].strip())

    def _directive(self, line: str) -> None:
        name, position = _word(line, 0)
        match name.upper():
            case "$ORIGIN":
                self._origin = self._absolute(_word(line, position)[0])
            case "$TTL":
                self._ttl = _seconds(_word(line, position)[0])
            case _:
                raise ValueError(f"{name} is not known here")

    def _record(self, owner: Labels, ttl: int, type_name: str, data: str) -> None:
        if type_name != "TXT":
            data = _COMMENT.sub("", data).rstrip()
        if data in _FAULTS:
            type_name, data = data, type_name
        if type_name in _FAULTS:
            kind = RRType[data.upper()] if data.upper() in RRType.__members__ else None
            if data and kind is None and data.upper() != "ANY":
                raise ValueError(f"no type {data!r} to fail")
            self._node(owner).faults[kind] = type_name.lower()
            return
        if type_name == "NODATA" and not data:
            self._node(owner)
            return
        if type_name == "DNAME":
            self._node(owner).dname = ttl, self._name(_word(data, 0)[0])
            return
        if type_name not in RRType.__members__:
            dns.rdatatype.from_text(type_name)  # UnknownRdatatype: a typing error
            self._node(owner)
            return
        rrtype = RRType[type_name]
        value = self._value(rrtype, data)
        found = self._node(owner).records.setdefault(rrtype, [])
        if all(value != known for _, known in found):  # RFC 2181 5: a set has no doubles
            found.append((ttl, value))

    def _value(self, rrtype: RRType, data: str) -> object:
        if rrtype is RRType.TXT and data and not data.startswith("\\#"):
            return _text(data)
        if rrtype is RRType.MX and len(data.split()) == 1:
            data += " ."  # "MX 0" with nothing behind it: the null MX (RFC 7505)
        rdata: Any = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.RdataType(rrtype.value),
            data,
            origin=dns.name.from_text(self._origin + "."),
            relativize=False,
        )
        match rrtype:
            case RRType.A | RRType.AAAA:
                return str(rdata.address)
            case RRType.TXT:  # "\\# 3 02 41 42" (RFC 3597)
                return b"".join(rdata.strings)
            case RRType.MX:
                return int(rdata.preference), wire.labels_to_name(rdata.exchange.labels[:-1])
            case RRType.SOA:
                return wire.labels_to_name(rdata.mname.labels[:-1])
            case RRType.NS | RRType.CNAME | RRType.PTR:
                return wire.labels_to_name(rdata.target.labels[:-1])

    def _node(self, owner: Labels) -> Node:
        return self.nodes.setdefault(owner, Node())

    def _absolute(self, word: str) -> str:
        if word == "@":
            return self._origin
        if word.endswith(".") and not word.endswith("\\."):
            return word[:-1]
        return f"{word}.{self._origin}" if self._origin else word

    def _name(self, word: str) -> Labels:
        name = self._absolute(word)
        return wire.name_to_labels(name if name.isascii() else to_alabel(name) or name)


def _word(line: str, position: int) -> tuple[str, int]:
    match = _WORD.match(line, position)
    if match is None:
        raise ValueError("the line ends too soon")
    return match.group(1), match.end()


def _seconds(text: str) -> int:
    if not _TTL.match(text):
        raise ValueError(f"{text!r} is no TTL")
    return sum(int(n) * _UNIT[unit.lower()] for n, unit in _TTL_PART.findall(text))


def _text(data: str) -> bytes:
    """The strings of a TXT record joined; longer ones than 255 bytes are taken as if they were cut."""
    if not data.startswith('"'):
        return _unescape(_COMMENT_AFTER_SPACE.sub("", data))
    strings = []
    position = 0
    while position < len(data):
        word, position = _word(data, position)
        is_quoted = word.startswith('"')
        strings.append(_unescape(word[1:-1] if is_quoted else word))
    return b"".join(strings)


def _unescape(text: str) -> bytes:
    r"""Bytes of text: `\ddd` and `\x` as in RFC 1035 5.1, all else as it stands."""
    out = bytearray()
    position = 0
    while position < len(text):
        char = text[position]
        digits = text[position + 1 : position + 4]
        if char == "\\" and len(digits) == 3 and digits.isdecimal() and int(digits) < 256:
            out.append(int(digits))
            position += 4
        elif char == "\\" and digits:
            out += digits[0].encode("utf-8", "surrogateescape")
            position += 2
        else:
            out += char.encode("utf-8", "surrogateescape")
            position += 1
    return bytes(out)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; comments dropped, parentheses joined, empty lines left out.

    A `;` is a comment at the start of a line or after white space, a parenthesis or a quote; elsewhere
    it may be data, as in an unquoted DKIM key. `#` is one at the start of a line.
    """
    pieces: list[str] = []
    depth = 0
    first = 0
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not pieces:
            first = number
            if line.startswith("#"):
                continue
        piece, depth = _strip(line, depth)
        pieces.append(piece)
        if depth > 0:
            continue
        joined = " ".join(pieces)
        pieces = []
        if joined.strip():
            yield first, joined.rstrip()
    if any(piece.strip() for piece in pieces):
        yield first, " ".join(pieces)


def _strip(line: str, depth: int) -> tuple[str, int]:
    """One physical line without comment and parentheses, and how deep it is in them at its end."""
    out: list[str] = []
    in_quotes = False
    position = 0
    while position < len(line):
        char = line[position]
        if char == "\\":
            out.append(line[position : position + 2])
            position += 2
            continue
        if char == '"':
            in_quotes = not in_quotes
        elif not in_quotes:
            if char == ";" and (not out or out[-1].isspace() or out[-1] == '"'):
                break
            if char in "()" and (char == "(" or depth):
                depth += 1 if char == "(" else -1
                char = " "
        out.append(char)
        position += 1
    return "".join(out), depth

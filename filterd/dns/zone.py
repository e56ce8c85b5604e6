"""zone - a Resolver that answers from zone text and from nothing else.

Owns:   reading master files (RFC 1035 5, records by dnspython), wildcards (RFC 4592), empty
        non-terminals, chains of aliases, faults on purpose.
Not here: delegation, DNSSEC, $INCLUDE and $GENERATE (a file named by mail tests opens no other).

`NAME [TTL] [IN] TYPE DATA`, one record a line or in parentheses; names without final dot stand below
$ORIGIN, which is the root until it is set. Text without quotes is one string up to the end of the line
(or to a `;` after a space), so that `example.org TXT v=spf1 -all` means what it says. Two pseudo-records
make faults: `NAME TIMEOUT` and `NAME SERVFAIL` fail every question for the name that no record of
its own answers; followed by a type (`NAME TIMEOUT TXT`) that type fails in any case. Types that nobody
asks for only make the name exist. Lines that cannot be read are left out and named in `problems`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from filterd.core.lookup import (
    NODATA,
    NXDOMAIN,
    Answer,
    Asked,
    Question,
    RRType,
    Status,
    tempfail,
)
from filterd.dns import wire

DEFAULT_TTL = 3600
_FAULTS = {"TIMEOUT": "timeout", "SERVFAIL": "servfail"}
_CLASSES = {"IN", "CH", "HS", "ANY"}
_TTL = re.compile(r"(?:\d{1,10}[smhdw]?){1,5}\Z", re.IGNORECASE)
_TTL_PART = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)
_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORD = re.compile(r'\s*((?:\\.|[^\s\\"])+|"(?:\\.|[^"\\])*")', re.DOTALL)
_COMMENT_AFTER_SPACE = re.compile(r"\s;.*", re.DOTALL)

Labels = tuple[bytes, ...]


@dataclass(slots=True)
class _Node:
    """What stands at one name."""

    records: dict[RRType, list[tuple[int, object]]] = field(default_factory=dict)  # TTL, value
    faults: dict[RRType | None, str] = field(default_factory=dict)


class Zone:
    """Answers from text; unknown names are NXDOMAIN."""

    def __init__(self, text: str) -> None:
        self.problems: tuple[str, ...] = ()
        self._nodes: dict[Labels, _Node] = {}
        problems: list[str] = []
        _Reader(self._nodes, problems).read(text)
        self.problems = tuple(problems)
        self._existing: set[Labels] = set()
        for labels in self._nodes:
            for start in range(len(labels) + 1):
                self._existing.add(labels[start:])

    def ask(self, question: Question, deadline: float = 0.0) -> Answer:
        try:
            labels = wire.name_to_labels(question.name)
        except wire.WireError:
            return NXDOMAIN
        least = 0x7FFFFFFF
        for _ in range(wire.MAX_ALIASES + 1):
            node = self._node(labels)
            if node is None:
                return NXDOMAIN
            answer = _from_node(node, question.rrtype)
            if answer is not None:
                return replace(answer, ttl=min(answer.ttl, least)) if answer.ttl else answer
            alias = node.records.get(RRType.CNAME)
            if not alias:
                return NODATA
            ttl, target = alias[0]
            least = min(least, ttl)
            try:
                labels = wire.name_to_labels(str(target))
            except wire.WireError:
                return NXDOMAIN
        return tempfail("alias-loop")

    def prefetch(self, questions: Iterable[Asked]) -> None:
        """Nothing to fetch."""

    def close(self) -> None:
        """Nothing to close."""

    def _node(self, labels: Labels) -> _Node | None:
        """The name's own node, an empty one, or the wildcard that stands for it (RFC 4592 3.3)."""
        if labels in self._existing:
            return self._nodes.get(labels) or _Node()
        for start in range(1, len(labels) + 1):
            encloser = labels[start:]
            if encloser in self._existing:
                wildcard = (b"*", *encloser)
                if wildcard in self._existing:
                    return self._nodes.get(wildcard) or _Node()
                return None
        return None


def _from_node(node: _Node, rrtype: RRType) -> Answer | None:
    """What the node itself answers; None where an alias or NODATA decides."""
    if rrtype in node.faults:
        return tempfail(node.faults[rrtype])
    found = node.records.get(rrtype)
    if found:
        ttl = min(ttl for ttl, _ in found)
        values = tuple(value for _, value in found)
        match rrtype:
            case RRType.A | RRType.AAAA:
                return Answer(Status.OK, addresses=tuple(map(str, values)), ttl=ttl)
            case RRType.TXT:
                texts = tuple(v for v in values if isinstance(v, bytes))
                return Answer(Status.OK, txt=texts, ttl=ttl)
            case RRType.MX:
                pairs = tuple(v for v in values if isinstance(v, tuple))
                return Answer(Status.OK, mx=pairs, ttl=ttl)
            case RRType.NS | RRType.CNAME | RRType.PTR | RRType.SOA:
                return Answer(Status.OK, names=tuple(map(str, values)), ttl=ttl)
    if None in node.faults:
        return tempfail(node.faults[None])
    return None


class _Reader:
    """Reads zone text into nodes, line by line, so that one bad line spoils no other."""

    def __init__(self, nodes: dict[Labels, _Node], problems: list[str]) -> None:
        self._nodes = nodes
        self._problems = problems
        self._origin = ""
        self._ttl = DEFAULT_TTL
        self._owner: Labels | None = None

    def read(self, text: str) -> None:
        for number, line in _logical_lines(text):
            try:
                self._line(line)
            except (ValueError, dns.exception.DNSException) as error:
                reason = str(error) or type(error).__name__
                self._problems.append(f"line {number}: {reason}")

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
        if type_name in _FAULTS:
            kind = RRType[data.upper()] if data.upper() in RRType.__members__ else None
            if data and kind is None and data.upper() != "ANY":
                raise ValueError(f"no type {data!r} to fail")
            self._node(owner).faults[kind] = _FAULTS[type_name]
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

    def _node(self, owner: Labels) -> _Node:
        return self._nodes.setdefault(owner, _Node())

    def _absolute(self, word: str) -> str:
        if word == "@":
            return self._origin
        if word.endswith(".") and not word.endswith("\\."):
            return word[:-1]
        return f"{word}.{self._origin}" if self._origin else word

    def _name(self, word: str) -> Labels:
        return wire.name_to_labels(self._absolute(word))


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

    A `;` is a comment at the start of a line or after white space or a parenthesis; elsewhere it is
    data, as in an unquoted DKIM key. `#` is one at the start of a line.
    """
    pieces: list[str] = []
    depth = 0
    first = 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
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
            if char == ";" and (not out or out[-1].isspace()):
                break
            if char in "()" and (char == "(" or depth):
                depth += 1 if char == "(" else -1
                char = " "
        out.append(char)
        position += 1
    return "".join(out), depth

"""address - address lists (RFC 5322 3.4, 4.4) read strictly, with every oddity named.

Owns:   Mailbox, AddressList, parse, parse_fields.
Not here: tokens and comments (mail.lexical), which author domain counts (auth.dmarc), display-name tricks (checks.field).
Rules of this file: no oddity hides a mailbox. Whatever some mail reader could take for an address is
        among `mailboxes`; where readers disagree, all readings are there and a defect says so.
        Domains are lower-case A-labels. Any text, linear time, at most `limits.addresses`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from filterd.limits import LIMITS
from filterd.mail.derived import derived
from filterd.mail.domain import to_alabel
from filterd.mail.header import Field
from filterd.mail.lexical import Token, has_at, has_word, joins, text_of, tokens
from filterd.mail.text import decode_words

MAX_ODD = 32_768  # characters read of a list that needs the slow reader (3 us each)
MAX_ATS = 8  # "@" in one address whose readings are all named

# Defects after which two readers may see two author domains (DMARC: RFC 9989 6.2 asks for one).
AMBIGUOUS = frozenset(
    {
        "several-fields", "several-addresses", "several-angles", "missing-comma", "several-at", "nul",
        "control", "source-route", "unterminated-quote", "unterminated-comment", "unterminated-angle",
        "nested-angle", "bad-domain", "bracketed-domain-text", "comma-in-angle", "too-many", "too-long", "group",
    }
)  # fmt: skip


class Mailbox(NamedTuple):
    """One address. `display` is decoded; `local` unquoted; `domain` in A-labels, "" if it has none.

    An address literal stays in brackets: "[192.0.2.1]". `raw` is the address as written.
    """

    display: str
    local: str
    domain: str
    raw: str

    @property
    def address(self) -> str:
        """local@domain, the local part as is; "" without a domain."""
        return f"{self.local}@{self.domain}" if self.domain else self.local


@dataclass(frozen=True)
class AddressList:
    """What a field (or several of one name) says: mailboxes in order, names of groups, defects.

    Members of groups are among the mailboxes. Defects are those of `AMBIGUOUS`, which make readers
    disagree, and these, which do not: "no-field", "empty", "empty-address", "missing-domain",
    "missing-local", "single-label-domain", "domain-literal", "8bit", "undecodable", "comment",
    "comment-only", "semicolon", "stray-angle", "text-after-address", "text-around-address",
    "address-in-display", "encoded-address", "quoted-address", "quoted-local", "at-in-local",
    "bad-local", "obsolete-space", "unterminated-group".
    """

    mailboxes: tuple[Mailbox, ...] = ()
    groups: tuple[str, ...] = ()
    defects: frozenset[str] = frozenset()

    @property
    def is_ambiguous(self) -> bool:
        """True where two mail readers may show two authors."""
        return not self.defects.isdisjoint(AMBIGUOUS)

    @derived
    def domains(self) -> tuple[str, ...]:
        """The distinct domains in order."""
        return tuple(dict.fromkeys(box.domain for box in self.mailboxes if box.domain))


_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_FAST = re.compile(
    rf"""\s*+(?:"([^"\\\x00-\x1f\x7f]*+)"|([^"\\()<>,;:@.\[\]\x00-\x1f\x7f]*+))\s*+"""
    rf"<([{_ATEXT}]++(?:\.[{_ATEXT}]++)*+)@([A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+)>\s*+(?:,|\Z)"
)
_FAST_BARE = re.compile(
    rf"\s*+([{_ATEXT}]++(?:\.[{_ATEXT}]++)*+)@([A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+)\s*+(?:,|\Z)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DOT_ATOM = re.compile(rf"[\x80-\U0010ffff{_ATEXT}]++(?:\.[\x80-\U0010ffff{_ATEXT}]++)*+\Z")
_LITERAL = re.compile(r"(?:IPv6:)?[0-9A-Fa-f.:]{2,60}\Z", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^\w.\x80-\U0010ffff-]++")
_DOTS = re.compile(r"\.{2,}")


def parse_fields(fields: Iterable[Field]) -> AddressList:
    """Read every field of one name as one list; "several-fields" where there is more than one.

    Of all but the first MAX_ODD characters are read together.
    """
    lists: list[AddressList] = []
    room = MAX_ODD
    for field in fields:
        value = field.unfolded
        if lists:
            value = value[:room]
            room -= len(value)
        lists.append(_of_field(value))
        if room <= 0:
            lists.append(AddressList(defects=frozenset({"too-long"})))
            break
    if len(lists) == 1:
        return lists[0]
    defects = frozenset[str]().union(*(one.defects for one in lists))
    return AddressList(
        tuple(box for one in lists for box in one.mailboxes),
        tuple(name for one in lists for name in one.groups),
        defects | {"several-fields" if lists else "no-field"},
    )


def _of_field(value: bytes) -> AddressList:
    try:
        return parse(value.decode("utf-8"))
    except UnicodeDecodeError:
        read = parse(value.decode("latin-1"))
        defects = read.defects | {"undecodable"}
        if any("xn--" in box.domain for box in read.mailboxes):
            defects |= {"bad-domain"}  # which letters the bytes of the domain are, nobody knows
        return AddressList(read.mailboxes, read.groups, defects)


def parse(text: str) -> AddressList:
    """Read a field body (unfolded, undecoded) as an address list."""
    boxes: list[Mailbox] = []
    position = 0
    size = len(text)
    while position < size:  # what nearly all mail looks like
        match = _FAST.match(text, position)
        if match is not None:
            quoted, phrase, local, domain = match.groups()
        else:
            match = _FAST_BARE.match(text, position)
            if match is None:
                break
            quoted, phrase = None, ""
            local, domain = match.groups()
        name = to_alabel(domain)
        if name is None or len(boxes) >= LIMITS.addresses:
            break
        display = quoted if quoted is not None else phrase.strip()
        if "=?" in display:
            display = decode_words(display.encode("utf-8", "replace"))
        boxes.append(Mailbox(display, local, name, f"{local}@{domain}"))
        position = match.end()
    defects: set[str] = set()
    if position < size or (size and text.rstrip()[-1:] == ","):
        reader = _Reader(text)
        reader.read()
        return reader.result()
    if not text.isascii():
        defects.add("8bit")
    if len(boxes) > 1:
        defects.add("several-addresses")
    if not boxes:
        defects.add("empty")
    return AddressList(tuple(boxes), (), frozenset(defects))


class _Reader:
    """The slow way: tokens, then mailboxes between commas, semicolons and group names."""

    def __init__(self, text: str) -> None:
        self.defects: set[str] = set()
        if len(text) > MAX_ODD:
            text = text[:MAX_ODD]
            self.defects.add("too-long")
        self.text = text
        self.boxes: list[Mailbox] = []
        self.groups: list[str] = []

    def result(self) -> AddressList:
        if sum(1 for box in self.boxes if box.domain) > 1:
            self.defects.add("several-addresses")
        if not self.boxes and not self.groups:
            self.defects.add("empty")
        return AddressList(tuple(self.boxes), tuple(self.groups), frozenset(self.defects))

    def read(self) -> None:
        text = self.text
        if "\0" in text:
            self.defects.add("nul")
        if _CONTROL.search(text.replace("\0", "")) is not None:
            self.defects.add("control")
        if not text.isascii():
            self.defects.add("8bit")
        run: list[Token] = []
        in_angle = False
        in_group = False
        plain = True  # nothing in `run` that no group's name may have: looked at once, not at each ":"
        for token in tokens(self.text, self.defects):
            mark = token.text if token.kind == "special" else ""
            if mark == "<":
                if in_angle:
                    self.defects.add("nested-angle")
                in_angle = True
            elif mark == ">":
                in_angle = False
            elif mark and not in_angle:
                may_name = plain and not in_group
                if self._parts(mark, run, in_group=in_group, may_name=may_name):
                    in_group = mark == ":" or (in_group and mark == ",")
                    run, plain = [], True
                    continue
            run.append(token)
            plain = plain and not mark
            if len(self.boxes) >= LIMITS.addresses:
                self.defects.add("too-many")
                return
        self._mailbox(run)
        if in_group:
            self.defects.add("unterminated-group")

    def _parts(self, mark: str, run: list[Token], *, in_group: bool, may_name: bool) -> bool:
        """True if the mark ends what was read so far: a mailbox, or the name of a group."""
        if mark == ":" and may_name and has_word(run):
            self.groups.append(_decoded(text_of(run)))
            self.defects.add("group")
            return True
        if mark not in {",", ";"}:
            return False
        self._mailbox(run)
        if mark == ";" and not in_group:
            self.defects.add("semicolon")
        return True

    def _mailbox(self, run: list[Token]) -> None:
        """Read the tokens between two separators: an angle address, a bare one, or several."""
        words = [token for token in run if token.kind not in {"space", "comment"}]
        if not words:
            if run and any(token.kind == "comment" for token in run):
                self.defects.add("comment-only")
            return
        if any(token.kind == "comment" for token in run):
            self.defects.add("comment")
        opens = [
            n for n, token in enumerate(run) if token.kind == "special" and token.text == "<"
        ]
        if opens:
            self._angles(run, opens)
            return
        if any(token.kind == "special" and token.text == ">" for token in run):
            self.defects.add("stray-angle")
            run = [token for token in run if token.text != ">" or token.kind != "special"]
        self._bare(run)

    def _angles(self, run: list[Token], opens: list[int]) -> None:
        """Read display <addr>; text after it, or a second angle address, may be read as the author."""
        if len(opens) > 1:
            self.defects.add("several-angles")
        display = run[: opens[0]]
        for number, start in enumerate(opens):
            limit = opens[number + 1] if number + 1 < len(opens) else len(run)
            stop = next(
                (
                    n
                    for n in range(start + 1, limit)
                    if run[n].kind == "special" and run[n].text == ">"
                ),
                None,
            )
            if stop is None:
                self.defects.add("unterminated-angle")
                stop = limit
            self._address(run[start + 1 : stop], _decoded(text_of(display)))
            display = run[stop + 1 : limit]
            if has_at(display):
                # `<a@good.example> b@evil.example`: some readers take the last.
                self._bare([token for token in display if token.text != ">"])
                self.defects.add("several-angles")
            elif any(token.kind not in {"space", "comment"} for token in display):
                self.defects.add("text-after-address")
        before = run[: opens[0]]
        if any(token.kind == "special" and token.text == "@" for token in before):
            self.defects.add("address-in-display")

    def _bare(self, run: list[Token]) -> None:
        """An address without angle brackets, or words that hold one or more."""
        pieces: list[list[Token]] = []
        parted = True  # white space since the last word
        for token in run:
            if token.kind in {"space", "comment"}:
                parted = True
                continue
            if parted and not (pieces and joins(pieces[-1][-1], token)):
                pieces.append([])
            pieces[-1].append(token)
            parted = False
        with_at = [piece for piece in pieces if has_at(piece)]
        display = next(
            (_decoded(token.text) for token in run if token.kind == "comment"), ""
        )  # obsolete: a@b (Name)
        if not with_at:
            text = text_of(run)
            decoded = _decoded(text)
            if "@" in decoded and "=?" in text:
                self.defects.add("encoded-address")
            quoted = next((t.text for t in run if t.kind == "quoted" and "@" in t.text), None)
            if quoted is not None:
                self.defects.add("quoted-address")
            self.defects.add("missing-domain")
            self.boxes.append(Mailbox("", decoded, "", text))
            return
        if len(with_at) > 1:
            self.defects.add("missing-comma")
        elif len(pieces) > 1:
            self.defects.add("text-around-address")
            display = display or _decoded(
                " ".join(text_of(piece) for piece in pieces if not has_at(piece))
            )
        for piece in with_at:
            self._address(piece, display)

    def _address(self, run: list[Token], display: str) -> None:
        """One addr-spec, with an obsolete source route perhaps (RFC 5322 4.4)."""
        tokens = [token for token in run if token.kind not in {"space", "comment"}]
        spaced = len(tokens) != len(run) and any(token.kind == "space" for token in run[1:-1])
        if not tokens:
            self.defects.add("empty-address")
            return
        if tokens[0].kind == "special" and tokens[0].text == "@":
            colon = next(
                (n for n, t in enumerate(tokens) if t.text == ":" and t.kind == "special"), 0
            )
            if colon:
                self.defects.add("source-route")
                tokens = tokens[colon + 1 :]
                if not tokens:
                    self.defects.add("empty-address")
                    return
        comma = next(
            (n for n, t in enumerate(tokens) if t.text == "," and t.kind == "special"), 0
        )
        if comma:
            self.defects.add("comma-in-angle")
            self._address(tokens[:comma], display)
            self._bare_list(tokens[comma + 1 :], display)
            return
        raw = self.text[tokens[0].start : tokens[-1].end]
        ats = [n for n, t in enumerate(tokens) if t.kind == "special" and t.text == "@"]
        if not ats:
            self._without_at(tokens, display, raw)
            return
        if len(ats) > 1:
            self.defects.add("several-at")
        if spaced:
            self.defects.add("obsolete-space")
        local = self._local(tokens[: ats[-1]])
        self._append(display, local, tokens[ats[-1] + 1 :], raw)
        for first, after in pairwise(ats[: MAX_ATS + 1]):
            # a@good.example@evil.example: readers differ, so both are named.
            self._append(display, self._local(tokens[:first]), tokens[first + 1 : after], raw)

    def _bare_list(self, tokens: list[Token], display: str) -> None:
        """What stands between angle brackets after a comma: addresses to some readers."""
        piece: list[Token] = []
        for token in tokens:
            if token.kind == "special" and token.text == ",":
                self._address(piece, display)
                piece = []
            else:
                piece.append(token)
        self._address(piece, display)

    def _without_at(self, tokens: list[Token], display: str, raw: str) -> None:
        text = text_of(tokens)
        if len(tokens) == 1 and tokens[0].kind == "quoted" and "@" in text:
            self.defects.add("quoted-address")  # <"a@b.example">: no domain by the standard
        if "=?" in text and "@" in _decoded(text):
            self.defects.add("encoded-address")
        self.defects.add("missing-domain")
        self.boxes.append(Mailbox(display, text, "", raw))

    def _local(self, tokens: list[Token]) -> str:
        text = "".join(token.text for token in tokens)
        if any(token.kind == "quoted" for token in tokens):
            if "@" in text:
                self.defects.add("at-in-local")
            if _DOT_ATOM.match(text) is None:
                self.defects.add("quoted-local")
        elif _DOT_ATOM.match(text) is None:
            self.defects.add("bad-local" if text else "missing-local")
        return text.replace("\0", "")

    def _append(self, display: str, local: str, tokens: list[Token], raw: str) -> None:
        """Add a mailbox whose domain is in `tokens`; an unreadable one is named and kept."""
        if len(tokens) == 1 and tokens[0].kind == "literal":
            literal = tokens[0].text.strip()
            self.defects.add("domain-literal")
            if _LITERAL.match(literal) is None:
                name = to_alabel(literal)
                if name is not None and "." in name:
                    self.defects.add("bracketed-domain-text")
                    self.boxes.append(Mailbox(display, local, name, raw))
                    return
                self.defects.add("bad-domain")
            self.boxes.append(Mailbox(display, local, f"[{literal.lower()}]", raw))
            return
        text = "".join(token.text for token in tokens)
        if not text:
            self.defects.add("missing-domain")
            self.boxes.append(Mailbox(display, local, "", raw))
            return
        name = to_alabel(text)
        if name is None or any(token.kind != "atom" for token in tokens):
            # What a forgiving reader makes of it, so that it is not hidden.
            self.defects.add("bad-domain")
            name = to_alabel(_DOTS.sub(".", _NOT_IN_NAMES.sub("", text)).strip(".")) or ""
        elif "." not in name:
            self.defects.add("single-label-domain")
        self.boxes.append(Mailbox(display, local, name, raw))


def _decoded(text: str) -> str:
    if "=?" in text:
        return decode_words(text.encode("utf-8", "replace")).strip()
    return text

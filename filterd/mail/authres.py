"""authres - what authentication methods found, and the Authentication-Results field (RFC 8601).

Owns:   AuthResult, Property; formatting and parsing of the field body; whose field it claims to be.
Not here: adding, removing and folding of fields (scan.fields), the methods themselves (auth).
Rules of this file: whatever stands in a value, formatting then parsing gives it back: no sender can
        inject a result. What comes out is ASCII on one line, and no word of it is too long to fold.
        Any text parses to FieldBody or AuthresSyntaxError, in linear time. A field that claims our
        authserv-id is recognised in every spelling.

The authres library is the tests' oracle, not the parser here: deploy/decisions/0102.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from filterd.mail.domain import to_alabel

MAX_VALUE = (
    400  # characters of one value; twice that when quoted, still under 998 (RFC 5322 2.1.1)
)
MAX_REASON = 500
MAX_RESULTS = 200  # read of one field
MAX_PROPERTIES = 50  # read of one result
CUT = " [...]"  # ends a value that was cut; the space forces quotes

# A token (RFC 2045 5.1), or [[local-part] "@"] domain-name, the part of it that needs no quoting.
_BARE = re.compile(
    r"(?:[!#$%&'*+.^_`{|}~0-9A-Za-z-]++"
    r"|(?:[!#$%&'*+/=?^_`{|}~0-9A-Za-z-]+(?:\.[!#$%&'*+/=?^_`{|}~0-9A-Za-z-]+)*)?"
    r"@[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?(?:\.[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?)*)\Z"
)
_UNSAFE = re.compile(r"[^ -~]")
_NO_KEYWORD = re.compile(r"[^0-9A-Za-z-]")


class Property(NamedTuple):
    """`ptype.name=value` (RFC 8601 2.3), e.g. header.d, smtp.mailfrom, policy.dmarc."""

    ptype: str
    name: str
    value: str


class AuthResult(NamedTuple):
    """One method's result in the words of its RFC.

    `reason` is the RFC 8601 reason; `comment` is free text for people, shown in parentheses.
    """

    method: str  # "spf", "dkim", "arc", "dmarc", "iprev", "auth"
    result: (
        str  # "pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy"
    )
    reason: str = ""
    properties: tuple[Property, ...] = ()
    comment: str = ""

    def get(self, ptype_dot_name: str) -> str:
        """The value of property "ptype.name", or ""."""
        ptype, _, name = ptype_dot_name.partition(".")
        for item in self.properties:
            if item.name == name and item.ptype == ptype:
                return item.value
        return ""


@dataclass(frozen=True, slots=True)
class FieldBody:
    """A field body as read; `results` is empty for the "none" form."""

    authserv_id: str
    results: tuple[AuthResult, ...] = ()
    version: int = 1


class AuthresSyntaxError(ValueError):
    """The text is no Authentication-Results body (RFC 8601 2.2)."""


# -- formatting ---------------------------------------------------------------------------------


def _clean(text: str, limit: int) -> str:
    """Printable ASCII of bounded length; a domain in Unicode becomes A-labels, the rest "?"."""
    if not text.isascii():
        local, at, domain = text.rpartition("@")
        encoded = to_alabel(domain) if "." in domain else None
        text = f"{local}{at}{encoded}" if encoded else text
    if not text.isprintable() or not text.isascii():
        text = _UNSAFE.sub("?", text)
    return text if len(text) <= limit else text[:limit] + CUT


def format_value(text: str, limit: int = MAX_VALUE) -> str:
    """The text as an RFC 8601 `pvalue`: bare where the grammar allows it, else quoted."""
    text = _clean(text, limit)
    if _BARE.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _comment(text: str) -> str:
    text = _clean(text, MAX_REASON).replace("\\", "\\\\")
    return "(" + text.replace("(", "\\(").replace(")", "\\)") + ")"


def _keyword(text: str) -> str:
    """A Keyword; ours always are, those taken over from another's field may not be."""
    return _NO_KEYWORD.sub("-", text)[:100].strip("-") or "x"


@lru_cache(maxsize=1024)
def _pair(one: str, mark: str, other: str) -> str:
    """Two Keywords with a mark between them."""
    return f"{_keyword(one)}{mark}{_keyword(other)}"


def format_result(result: AuthResult) -> str:
    """One `resinfo` without its semicolon."""
    words = [_pair(result.method, "=", result.result)]
    if result.comment:
        words.append(_comment(result.comment))
    if result.reason:
        words.append(f"reason={format_value(result.reason, MAX_REASON)}")
    words += [
        f"{_pair(item.ptype, '.', item.name)}={format_value(item.value)}"
        for item in result.properties
    ]
    return " ".join(words)


def format_results(authserv_id: str, results: Iterable[AuthResult]) -> str:
    """The body of the field on one line; "none" where nothing was checked (RFC 8601 2.2)."""
    found = "; ".join([format_result(result) for result in results])
    return f"{format_value(authserv_id)}; {found or 'none'}"


# -- whose field --------------------------------------------------------------------------------

_BARE_ID = re.compile(r'[^\s;()"]*')
_INVISIBLE = re.compile(r"[\x00-\x20\x7f]")


def read_authserv_id(value: str) -> str:
    """The authserv-id that a field claims, as leniently as any reader may take it; "" if none.

    Comments are passed over, quotes, escapes and control characters taken out, the name is in
    lower-case A-labels where it is one.
    """
    reader = _Reader(value)
    reader.skip()
    found = reader.quoted() if reader.at('"') else reader.take(_BARE_ID)
    return _comparable(found)


def _comparable(authserv_id: str) -> str:
    name = _INVISIBLE.sub("", authserv_id).lower().rstrip(".")
    return to_alabel(name) or name


def claims_authserv_id(value: str, ours: str) -> bool:
    """Whether a field's value says that we made it, in any spelling (RFC 8601 5)."""
    claimed, own = read_authserv_id(value), _comparable(ours)
    return (
        claimed == own or claimed.partition("/")[0] == own
    )  # "id/1": version, in RFC 5451 drafts


# -- parsing ------------------------------------------------------------------------------------

_SPACE = re.compile(r"\s*")
_PLAIN_COMMENT = re.compile(r"[^()\\]+")
_PLAIN_QUOTED = re.compile(r'[^"\\]+')
_DIGITS = re.compile(r"[0-9]{1,9}(?![^\s;(])")
_KEYWORD = re.compile(r"[0-9A-Za-z_-]+")
_BARE_VALUE = re.compile(
    r'[^\s;()"]+'
)  # wider than a token: others leave base64 and IPs unquoted
_FOLD = re.compile(r"\r?\n(?=[ \t])")


class _Reader:
    """A position in a text; every step goes forward."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def at(self, character: str) -> bool:
        return self.text.startswith(character, self.position)

    def take(self, pattern: re.Pattern[str]) -> str:
        """What matches here, "" if nothing does."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match.group()

    def eat(self, character: str) -> bool:
        if self.at(character):
            self.position += 1
            return True
        return False

    def skip(self) -> str:
        """Pass over white space and comments; return the text of the first comment."""
        first = ""
        self.take(_SPACE)
        while self.at("("):
            comment = self._comment()
            first = first or comment
            self.take(_SPACE)
        return first

    def _comment(self) -> str:
        """The text of a comment, nested ones as they stand; an open one ends with the text."""
        depth = 0
        pieces: list[str] = []
        while self.position < len(self.text):
            if self.eat("("):
                depth += 1
                pieces.append("(")
            elif self.eat(")"):
                depth -= 1
                pieces.append(")")
                if depth == 0:
                    return "".join(pieces[1:-1])
            elif self.eat("\\"):
                pieces.append(self.text[self.position : self.position + 1])
                self.position += 1
            else:
                pieces.append(self.take(_PLAIN_COMMENT))
        return "".join(pieces[1:])

    def quoted(self) -> str:
        """The text of a quoted string; an open one ends with the text."""
        self.eat('"')
        pieces: list[str] = []
        while self.position < len(self.text) and not self.eat('"'):
            if self.eat("\\"):
                pieces.append(self.text[self.position : self.position + 1])
                self.position += 1
            else:
                pieces.append(self.take(_PLAIN_QUOTED))
        return "".join(pieces)

    def value(self) -> str:
        """A pvalue: quoted, bare, or a quoted local part with "@" and a domain."""
        if not self.at('"'):
            return self.take(_BARE_VALUE)
        start = self.position
        text = self.quoted()
        if self.at("@"):
            quoted = self.text[start : self.position]
            return quoted + self.take(_BARE_VALUE)
        return text


def parse(value: str) -> FieldBody:
    """Return what a field body says; AuthresSyntaxError if it is none.

    Lenient where senders are: bare values wider than tokens, a semicolon at the end. A result
    that cannot be read is an error, never passed over: what follows it might be meant otherwise.
    """
    reader = _Reader(_FOLD.sub("", value))
    reader.skip()
    authserv_id = reader.value()
    if not authserv_id or "=" in authserv_id:
        raise AuthresSyntaxError("no authserv-id")
    reader.skip()
    version = int(reader.take(_DIGITS) or 1)
    if version != 1:
        raise AuthresSyntaxError(f"version {version} is not known")
    reader.skip()
    results: list[AuthResult] = []
    while reader.eat(";") and len(results) < MAX_RESULTS:
        reader.skip()
        if reader.position == len(reader.text):
            break  # a semicolon at the end
        result = _read_result(reader)
        if result is not None:
            results.append(result)
        reader.skip()
    if reader.position < len(reader.text):
        raise AuthresSyntaxError(f"unreadable from character {reader.position}")
    return FieldBody(authserv_id, tuple(results), version)


def _read_result(reader: _Reader) -> AuthResult | None:
    """One resinfo, None for "none"."""
    method = reader.take(_KEYWORD).lower()
    reader.skip()
    if method == "none" and not reader.at("=") and not reader.at("/"):
        return None
    if reader.eat("/"):
        reader.skip()
        reader.take(_DIGITS_ONLY)
        reader.skip()
    if not method or not reader.eat("="):
        raise AuthresSyntaxError(f"no method at character {reader.position}")
    reader.skip()
    outcome = reader.take(_KEYWORD).lower()
    if not outcome:
        raise AuthresSyntaxError(f"no result of {method}")
    result = AuthResult(method, outcome, comment=reader.skip())
    properties: list[Property] = []
    while not reader.at(";") and reader.position < len(reader.text):
        result = _read_detail(reader, result, properties)
        reader.skip()
    return result._replace(properties=tuple(properties))


_DIGITS_ONLY = re.compile(r"[0-9]{1,9}")


def _read_detail(reader: _Reader, result: AuthResult, properties: list[Property]) -> AuthResult:
    """A reason or a property."""
    ptype = reader.take(_KEYWORD).lower()
    reader.skip()
    name = ""
    if reader.eat("."):
        reader.skip()
        name = reader.take(_KEYWORD).lower()
        reader.skip()
    if not ptype or not reader.eat("="):
        raise AuthresSyntaxError(f"no property at character {reader.position}")
    reader.skip()
    value = reader.value()
    if name:
        if len(properties) < MAX_PROPERTIES:
            properties.append(Property(ptype, name, value))
    elif ptype == "reason":
        return result._replace(reason=value)
    return result  # a word without a dot is none of RFC 8601's

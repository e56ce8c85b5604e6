"""parameter - MIME fields that have parameters (RFC 2045 5.1, 2183, 2231).

Owns:   Parameterized, parameters, first_token.
Not here: comments (mail.lexical), encoded words (mail.text), what a parameter means (mail.mime).
Rules of this file: any bytes give a value and parameters, in time linear in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from filterd.mail.charset import decode
from filterd.mail.lexical import comments_off
from filterd.mail.text import decode_words

MANY_PARAMETERS = 100  # of one field; real mail has < 10
MAX_FIELD = 102_400  # bytes of a structured MIME field that are read: Postfix header_size_limit

_TYPE = re.compile(
    r"\s*+([!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)\s*+/\s*+([!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)"
)
_TOKEN = re.compile(r"\s*+([^\s;()\"=/]++)")
# A bare value goes on over white space (`name=my file.exe`), but not over another `name=`. Its last star gives nothing
# back, as nothing stands behind it; written possessive (*+), CPython 3.11.2, Debian's, reads too far.
_PARAMETER = re.compile(
    r"""[;\s]*+([^\s;="()]++)\s*+=\s*+"""
    r"""(?:"((?:[^"\\]++|\\.)*+)(?:"|\Z)|([^;\s]*+(?:\s++(?![^\s;="()]++\s*+=)[^;\s]++)*))|[;\s]++|[^;]++""",
    re.DOTALL,
)
_SECTION = re.compile(r"([^*]+)(?:\*([0-9]{1,4}))?(\*)?\Z")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_HEX = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Parameterized:
    """A MIME field that has parameters: its main value, lower case, and the parameters."""

    value: str
    params: Mapping[str, str]
    defects: frozenset[str]


def parameters(raw: bytes) -> Parameterized:
    """Read `Content-Type` or `Content-Disposition`; names lower case, RFC 2231 and 2047 decoded.

    The first of two parameters of one name wins. Defects: "duplicate-parameter",
    "too-many-parameters", "long-field", "parameter-continuation" (RFC 2231 sections).
    """
    return _short(raw) if len(raw) <= 300 else _read(raw)


def _read(raw: bytes) -> Parameterized:
    defects: set[str] = set()
    if len(raw) > MAX_FIELD:
        raw = raw[:MAX_FIELD]
        defects.add("long-field")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = comments_off(text)
    match = _TYPE.match(text)
    if match is not None:
        value = f"{match.group(1)}/{match.group(2)}".lower()
    else:
        match = _TOKEN.match(text)
        value = match.group(1).lower() if match is not None else ""
    params = _parameters(text, match.end() if match is not None else 0, defects)
    return Parameterized(value, params, frozenset(defects))


def _parameters(text: str, start: int, defects: set[str]) -> dict[str, str]:
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    count = 0
    for found in _PARAMETER.finditer(text, start):
        name, quoted, bare = found.groups()
        if name is None:
            continue
        count += 1
        content = bare.strip() if quoted is None else quoted
        if quoted is not None and "\\" in quoted:
            content = _ESCAPE.sub(r"\1", quoted)
        name = name.lower()
        section = _SECTION.match(name) if "*" in name else None
        if section is not None:
            sections.setdefault(section.group(1), {}).setdefault(
                int(section.group(2) or 0), (content, section.group(3) is not None)
            )
        elif name in plain:
            defects.add("duplicate-parameter")
        else:
            plain[name] = decode_words(content.encode()) if "=?" in content else content
    if count > MANY_PARAMETERS:
        defects.add("too-many-parameters")
    for name, pieces in sections.items():
        if len(pieces) > 1:
            defects.add("parameter-continuation")
        if name in plain:
            defects.add("duplicate-parameter")
        plain[name] = _join(pieces)  # RFC 2231 5: the extended form wins
    return plain


_short = lru_cache(maxsize=512)(_read)


def _join(pieces: Mapping[int, tuple[str, bool]]) -> str:
    """The value of RFC 2231 sections in their order."""
    charset = ""
    octets = b""
    for number in sorted(pieces):
        content, is_extended = pieces[number]
        if is_extended and not octets and content.count("'") >= 2:
            charset, _, content = content.split("'", 2)
        data = content.encode("utf-8")
        octets += _HEX.sub(_percent, data) if is_extended else data
    return decode(octets, charset)


def _percent(match: re.Match[bytes]) -> bytes:
    return bytes((int(match.group(1), 16),))


def first_token(text: str) -> str:
    """The token with which a structured field begins, lower case, comments off; "" without."""
    match = _TOKEN.match(comments_off(text))
    return match.group(1).lower() if match is not None else ""

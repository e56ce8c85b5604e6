"""authres - what authentication methods found, and the Authentication-Results field (RFC 8601).

Owns:   AuthResult, Property; formatting and parsing of the field, through the authres library.
Rules of this file: whatever stands in a value, formatting then parsing gives it back: no sender can
        inject a result. A field that claims our authserv-id is recognised in every spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN = re.compile(r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+\Z")  # RFC 2045 5.1
_ADDRESS = re.compile(  # [[local-part] "@"] domain-name, the part of it that needs no quoting
    r"(?:[!#$%&'*+/=?^_`{|}~0-9A-Za-z-]+(?:\.[!#$%&'*+/=?^_`{|}~0-9A-Za-z-]+)*)?"
    r"@[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?\Z"
)
_UNSAFE = re.compile(r"[^ -~]")
_FIRST_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s;()"]+)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Property:
    """`ptype.name=value` (RFC 8601 2.3), e.g. header.d, smtp.mailfrom, policy.dmarc."""

    ptype: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class AuthResult:
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
        for item in self.properties:
            if f"{item.ptype}.{item.name}" == ptype_dot_name:
                return item.value
        return ""


def format_value(text: str) -> str:
    """The text as an RFC 8601 `pvalue`: bare where the grammar allows it, else quoted.

    What is no printable ASCII becomes "?": U-labels are to be turned into A-labels before.
    """
    text = _UNSAFE.sub("?", text)
    if _TOKEN.match(text) or _ADDRESS.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _comment(text: str) -> str:
    text = _UNSAFE.sub("?", text)
    return "(" + re.sub(r"([()\\])", r"\\\1", text) + ")"


def format_result(result: AuthResult) -> str:
    """One `resinfo` without its semicolon."""
    words = [f"{result.method}={result.result}"]
    if result.comment:
        words.append(_comment(result.comment))
    if result.reason:
        words.append(f"reason={format_value(result.reason)}")
    words.extend(
        f"{item.ptype}.{item.name}={format_value(item.value)}" for item in result.properties
    )
    return " ".join(words)


def format_results(authserv_id: str, results: Iterable[AuthResult]) -> str:
    """The body of the field on one line; "none" where nothing was checked (RFC 8601 2.2)."""
    found = "; ".join(format_result(result) for result in results)
    return f"{format_value(authserv_id)}; {found or 'none'}"


def authserv_id(value: str) -> str:
    """The authserv-id of a field's value, lower case, unquoted; "" where there is none."""
    position = _skip_cfws(value, 0)
    match = _FIRST_VALUE.match(value, position)
    if match is None:
        return ""
    quoted, bare = match.groups()
    found = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted is not None else bare
    return str(found).strip().rstrip(".").lower()


def claims_authserv_id(value: str, ours: str) -> bool:
    """Whether a field's value says that we made it, in any spelling (RFC 8601 5)."""
    return authserv_id(value) == ours.rstrip(".").lower()


def _skip_cfws(text: str, position: int) -> int:
    """The position after white space and (nested) comments; linear."""
    depth = 0
    while position < len(text):
        character = text[position]
        if character == "(":
            depth += 1
        elif character == ")" and depth:
            depth -= 1
        elif character == "\\" and depth:
            position += 1
        elif not depth and not character.isspace():
            break
        position += 1
    return position

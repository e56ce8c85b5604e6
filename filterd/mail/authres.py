"""authres - what authentication methods found, and the Authentication-Results field (RFC 8601).

Owns:   AuthResult, Property; formatting and parsing of the field, through the authres library.
Rules of this file: whatever stands in a value, formatting then parsing gives it back: no sender can
        inject a result. A field that claims our authserv-id is recognised in every spelling.
"""

from __future__ import annotations

from dataclasses import dataclass


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

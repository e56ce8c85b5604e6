"""trace - Received fields as hops, and dates (RFC 5321 4.4, RFC 5322 3.3).

Owns:   Hop, read, parse_date.
Not here: whether a hop is believed (checks), the client of this session (core.transaction).
Rules of this file: every value is what some server wrote, hence a claim. Linear time, any text.
"""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import ip_address

from filterd.limits import LIMITS
from filterd.mail.header import Header

MAX_FIELD = 4_096  # characters read of one Received field
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_ZONES = {
    "ut": 0, "gmt": 0, "utc": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7,
    "mdt": -6, "pst": -8, "pdt": -7, "bst": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2, "eet": 2,
    "eest": 3, "msk": 3, "jst": 9, "ist": 5.5, "hst": -10, "akst": -9, "akdt": -8,
}  # fmt: skip
_DATE = re.compile(
    r"\s*+(?:[^\W\d_]{2,10}\.?\s*+,?\s*+)?(\d{1,2})[\s-]++([^\W\d_]{3,10})\.?[\s,-]++(\d{2,4})\s++"
    r"(\d{1,2})\s?[:.]\s?(\d{2})(?:\s?[:.]\s?(\d{2})(?:\.\d{1,9})?)?\s*+"
    r"(?:([+-])\s?(\d{1,2}):?(\d{2})\b|\(?([A-Za-z]{1,5}))?"
)
_ASCTIME = re.compile(
    r"\s*+(?:[A-Za-z]{3},?\s++)?([A-Za-z]{3})\s++(\d{1,2}),?\s++(\d{2}):(\d{2}):(\d{2})\s++"
    r"(?:([A-Za-z]{1,5})\s++)?(\d{4})"
)
_CLAUSE = re.compile(r"(?:\A|[\s)])(from|by|via|with|id|for)\s++([^\s();]++)", re.IGNORECASE)
_BRACKET = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})(?:%[^\]\s]{1,20})?\]", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"(?<![\w.:-])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.-])")
_HELO = re.compile(r"\b(?:helo|ehlo)[ =]([^\s()]{1,255})", re.IGNORECASE)
_NAME_IN_PARENS = re.compile(r"\(\s*(?:[^\s()@\[\]]{1,64}@)?([A-Za-z0-9._-]{1,255})(?=[\s\[)])")


@dataclass(frozen=True)
class Hop:
    """One Received field; "" and None where it does not say. All of it is claimed, not proven.

    `from_name` is what the client called itself (HELO), `from_rdns` what the server's look-up said,
    `from_address` its IP address as text. `date` is seconds since the epoch.
    """

    raw: str

    @cached_property
    def _clauses(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for match in _CLAUSE.finditer(self._head):
            found.setdefault(match.group(1).lower(), match.group(2))
        return found

    @property
    def _head(self) -> str:
        """The field without its date."""
        return self.raw.rpartition(";")[0] or self.raw

    @cached_property
    def _from_clause(self) -> str:
        """From "from" up to the "by" clause, where the client is described."""
        head = self._head
        if self._clauses.get("from") is None:
            return ""
        match = _BY.search(head)
        return head[: match.start()] if match is not None else head

    @cached_property
    def from_name(self) -> str:
        helo = _HELO.search(self._from_clause)
        return (helo.group(1) if helo is not None else self._clauses.get("from", "")).strip(
            "[]"
        )

    @cached_property
    def from_rdns(self) -> str:
        clause = self._from_clause
        match = _NAME_IN_PARENS.search(clause)
        if match is not None and match.group(1).lower() not in {"helo", "ehlo", "unknown"}:
            name = match.group(1)
            if "." in name and not name[-1].isdigit():
                return name.rstrip(".").lower()
            return ""
        if _HELO.search(clause) is not None:  # from rdns (HELO name) ...
            name = self._clauses.get("from", "")
            return name.rstrip(".").lower() if "." in name and name[-1].isalpha() else ""
        return ""

    @cached_property
    def from_address(self) -> str:
        clause = self._from_clause
        for pattern in (_BRACKET, _BARE_ADDRESS):
            for match in pattern.finditer(clause):
                try:
                    return str(ip_address(match.group(1)))
                except ValueError:
                    continue
        return ""

    @cached_property
    def by(self) -> str:
        return self._clauses.get("by", "").lower().rstrip(".")

    @cached_property
    def protocol(self) -> str:
        """The word after `with`: "ESMTP", "ESMTPS", "LMTP", "HTTP", "MAPI"."""
        return self._clauses.get("with", "").upper()

    @cached_property
    def id(self) -> str:
        return self._clauses.get("id", "")

    @cached_property
    def recipient(self) -> str:
        """The address after `for`, without angle brackets."""
        return self._clauses.get("for", "").strip("<>")

    @cached_property
    def date(self) -> float | None:
        return parse_date(self.raw.rpartition(";")[2]) if ";" in self.raw else None


_BY = re.compile(r"(?:\A|[\s)])by\s", re.IGNORECASE)


def read(header: Header) -> tuple[Hop, ...]:
    """The hops, newest first, at most `limits.received_hops`; each is parsed when asked."""
    fields = header.all("received")[: LIMITS.received_hops]
    return tuple(Hop(field.value[:MAX_FIELD]) for field in fields)


@lru_cache(maxsize=256)
def _parse(text: str) -> float | None:
    match = _DATE.match(text)
    if match is not None:
        day, month, year, hour, minute, second, sign, zone_hour, zone_minute, zone = (
            match.groups()
        )
    else:
        match = _ASCTIME.match(text)
        if match is None:
            return None
        month, day, hour, minute, second, zone, year = match.groups()
        sign = zone_hour = zone_minute = None
    number = _MONTHS.get(month[:3].lower())
    if number is None:
        return None
    full_year = int(year)
    if len(year) < 4:  # RFC 5322 4.3
        full_year += 2000 if full_year < 50 and len(year) == 2 else 1900
    fields = (full_year, number, int(day), int(hour), int(minute), int(second or 0))
    if not _is_possible(*fields):
        return None
    if sign and zone_hour and zone_minute:
        offset = int(zone_hour) * 3600 + int(zone_minute) * 60
        offset = -offset if sign == "-" else offset
    else:
        offset = int(_ZONES.get((zone or "").lower(), 0) * 3600)
    return float(timegm((*fields, 0, 0, 0)) - offset)


def _is_possible(year: int, month: int, day: int, hour: int, minute: int, second: int) -> bool:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    return (
        1900 <= year <= 9999 and 1 <= day <= last and hour < 24 and minute < 60 and second < 61
    )


def parse_date(text: str) -> float | None:
    """Seconds since the epoch of an RFC 5322 date (obsolete and common odd forms too), or None.

    Comments are passed over; an unknown zone counts as UTC (RFC 5322 4.3).
    """
    text = text[:200]
    if "(" in text:
        from filterd.mail.mime import comments_off

        text = comments_off(text) if _DATE.match(text) is None else text
    return _parse(text)

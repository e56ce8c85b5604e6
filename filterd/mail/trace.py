"""trace - Received fields as hops, and dates (RFC 5321 4.4, RFC 5322 3.3).

Owns:   Hop, read, parse_date.
Not here: whether a hop is believed (checks), the client of this session (core.transaction).
Rules of this file: every value is what some server wrote, hence a claim. Linear time, any text.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from ipaddress import ip_address
from socket import AF_INET, inet_pton

from filterd.limits import LIMITS
from filterd.mail.derived import derived
from filterd.mail.header import Header
from filterd.mail.lexical import comments_off

MAX_FIELD = 4_096  # characters read of one Received field
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_EPOCH = date(1970, 1, 1).toordinal()
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
# Both are looked for behind a space put in front: at a set of characters the search is fast.
_CLAUSE = re.compile(r"[\s)](from|by|via|with|id|for)\s++([^\s();]++)", re.IGNORECASE)
_BY = re.compile(r"[\s)]by\s", re.IGNORECASE)
_FROM = re.compile(r"\sfrom\s++([^\s();]++)", re.IGNORECASE)
_BRACKET = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})(?:%[^\]\s]{1,20})?\]", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"(?<![\w.:-])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.-])")
_HELO = re.compile(r"\b(?:helo|ehlo)[ =]([^\s()]{1,255})", re.IGNORECASE)
_NAME_IN_PARENS = re.compile(r"\(\s*(?:[^\s()@\[\]]{1,64}@)?([A-Za-z0-9._-]{1,255})(?=[\s\[)])")


class Hop:
    """One Received field; "" and None where it does not say. All of it is claimed, not proven.

    `from_name` is what the client called itself (HELO), `from_rdns` what the server's look-up said,
    `from_address` its IP address as text. `date` is seconds since the epoch.
    """

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self._head = f" {raw.rpartition(';')[0] or raw}"  # without the date, behind a space

    @derived
    def _clauses(self) -> dict[str, str]:
        """The word after each keyword; the first of two clauses of one name counts."""
        found: dict[str, str] = {}
        for match in _CLAUSE.finditer(self._head):
            found.setdefault(match.group(1).lower(), match.group(2))
        return found

    @derived
    def _from(self) -> tuple[str, str]:
        """The word after "from", and all up to the "by" clause, where the client is described."""
        head = self._head
        match = _FROM.match(head)  # with which nearly all fields begin
        name = match.group(1) if match is not None else self._clauses.get("from", "")
        if not name:
            return "", ""
        match = _BY.search(head)
        return name, head[: match.start()] if match is not None else head

    @derived
    def from_name(self) -> str:
        name, clause = self._from
        return (_helo(clause) or name).strip("[]")

    @derived
    def from_rdns(self) -> str:
        first, clause = self._from
        match = _NAME_IN_PARENS.search(clause)
        if match is not None and match.group(1).lower() not in {"helo", "ehlo", "unknown"}:
            name = match.group(1)
            if "." in name and not name[-1].isdigit():
                return name.rstrip(".").lower()
            return ""
        if _helo(clause):  # from rdns (HELO name) ...
            return first.rstrip(".").lower() if "." in first and first[-1].isalpha() else ""
        return ""

    @derived
    def from_address(self) -> str:
        _, clause = self._from
        for pattern in (_BRACKET, _BARE_ADDRESS):
            for match in pattern.finditer(clause):
                address = _normal(match.group(1))
                if address:
                    return address
        return ""

    @property
    def by(self) -> str:
        return self._clauses.get("by", "").lower().rstrip(".")

    @property
    def protocol(self) -> str:
        """The word after `with`: "ESMTP", "ESMTPS", "LMTP", "HTTP", "MAPI"."""
        return self._clauses.get("with", "").upper()

    @property
    def id(self) -> str:
        return self._clauses.get("id", "")

    @property
    def recipient(self) -> str:
        """The address after `for`, without angle brackets."""
        return self._clauses.get("for", "").strip("<>")

    @derived
    def date(self) -> float | None:
        return parse_date(self.raw.rpartition(";")[2]) if ";" in self.raw else None


def _helo(clause: str) -> str:
    """The name given in words ("helo=name", "(HELO name)"), or ""."""
    folded = clause.lower()
    if "helo" not in folded and "ehlo" not in folded:
        return ""
    match = _HELO.search(clause)
    return match.group(1) if match is not None else ""


def _normal(text: str) -> str:
    """The address in its normal form, "" if it is none."""
    try:
        inet_pton(AF_INET, text)  # takes no other form; ipaddress takes 20 us
    except OSError:
        try:
            return str(ip_address(text))
        except ValueError:
            return ""
    return text


def read(header: Header) -> tuple[Hop, ...]:
    """The hops, newest first, at most `limits.received_hops`; each is parsed when asked."""
    fields = header.all("received")[: LIMITS.received_hops]
    return tuple(Hop(field.value[:MAX_FIELD]) for field in fields)


def parse_date(text: str) -> float | None:
    """Seconds since the epoch of an RFC 5322 date (obsolete and common odd forms too), or None.

    Comments are passed over; an unknown zone counts as UTC (RFC 5322 4.3).
    """
    text = text[:200]
    match = _DATE.match(text)
    if match is None and "(" in text:
        text = comments_off(text)
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
    days = _days(full_year, number, int(day))
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if days is None or hours > 23 or minutes > 59 or seconds > 60:
        return None
    if sign and zone_hour and zone_minute:
        offset = int(zone_hour) * 3600 + int(zone_minute) * 60
        offset = -offset if sign == "-" else offset
    else:
        offset = int(_ZONES.get((zone or "").lower(), 0) * 3600)
    return float(days * 86400 + hours * 3600 + minutes * 60 + seconds - offset)


@lru_cache(maxsize=256)  # the mail of one day has few of them
def _days(year: int, month: int, day: int) -> int | None:
    """Days since the epoch; None for a day that no calendar has, or of another age."""
    if not 1900 <= year <= 9999:
        return None
    try:
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None

"""record - one DMARC Policy Record: text to values, and nothing an owner wrote is fatal.

Owns:   Policy, Record, parse_record.
Not here: where a record is looked for (auth.dmarc), what is done about it (checks.dmarc).
RFC 9989 sections 4.7, 4.8 and the last part of 4.10.1. `pct`, `rf` and `ri` of RFC 7489 are unknown
tags now; `pct` is kept for the answer RFC 7489 would have given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from filterd.limits import LIMITS

MAX_URIS = 10  # of one rua= or ruf= tag; each may cost a question and a mail
_VERSION = re.compile(rb"[ \t]*v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)", re.IGNORECASE)
_URI = re.compile(r"[a-z][a-z0-9+.-]{0,30}:[^\s,]{1,500}\Z", re.IGNORECASE)
_OBSOLETE_SIZE = re.compile(r"![0-9]{1,20}[kmgt]?\Z", re.IGNORECASE)


class Policy(IntEnum):
    """A Domain Owner Assessment Policy, mildest first."""

    NONE = 0
    QUARANTINE = 1
    REJECT = 2

    @property
    def text(self) -> str:
        return _TEXTS[self]

    @property
    def lowered(self) -> Policy:
        """The policy that t=y asks for: one level below (RFC 9989 4.7)."""
        return Policy(max(0, self - 1))


_TEXTS = ("none", "quarantine", "reject")
_POLICIES = {policy.text: policy for policy in Policy}


@dataclass(frozen=True, slots=True)
class Record:
    """A DMARC Policy Record. Absent `sp` and `np` are None."""

    text: str
    p: Policy = Policy.NONE
    sp: Policy | None = None
    np: Policy | None = None
    psd: str = "u"  # "y", "n" or "u"
    strict_dkim: bool = False
    strict_spf: bool = False
    is_testing: bool = False  # t=y
    rua: tuple[str, ...] = ()
    ruf: tuple[str, ...] = ()
    fo: str = "0"
    applies: bool = True  # False: no usable policy and nowhere to report: no DMARC processing
    pct: int = 100  # historic, RFC 7489 only

    def policy_for(self, *, is_subdomain: bool, exists: bool) -> Policy:
        """p, sp or np, as the author domain is the record's own, a subdomain, or not in the DNS."""
        if not is_subdomain:
            return self.p
        if not exists and self.np is not None:
            return self.np
        return self.p if self.sp is None else self.sp


@lru_cache(maxsize=512)
def parse_record(data: bytes) -> Record | None:
    """Return the record in one TXT record (its strings joined), or None if it is no DMARC record.

    The version comes first and is spelt exactly DMARC1; unknown tags are ignored, bad values give
    way to defaults (4.8), the first of a repeated tag counts.
    """
    if len(data) > LIMITS.record_bytes or _VERSION.match(data) is None:
        return None
    text = data.decode("utf-8", "replace")
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    if tags.get("v") != "DMARC1":  # case sensitive, unlike the tag's name
        return None
    policies = {
        name: _POLICIES.get(tags[name].lower()) for name in ("p", "sp", "np") if name in tags
    }
    rua = _uris(tags.get("rua", ""))
    is_sound = policies.get("p") is not None and None not in policies.values()
    if not is_sound:
        policies = {}  # 4.10.1: as if p=none had been retrieved, if there is somebody to tell
    pct = tags.get("pct", "")
    return Record(
        text=text.strip(),
        p=policies.get("p") or Policy.NONE,
        sp=policies.get("sp"),
        np=policies.get("np"),
        psd=_one_of(tags, "psd", "uny"),
        strict_dkim=_one_of(tags, "adkim", "rs") == "s",
        strict_spf=_one_of(tags, "aspf", "rs") == "s",
        is_testing=_one_of(tags, "t", "ny") == "y",
        rua=rua,
        ruf=_uris(tags.get("ruf", "")),
        fo=tags.get("fo", "0")[:20],
        applies=is_sound or bool(rua),
        pct=int(pct) if pct.isascii() and pct.isdigit() and len(pct) < 4 else 100,
    )


def _one_of(tags: dict[str, str], name: str, letters: str) -> str:
    """The tag's value if it is one of the letters, the first of them otherwise."""
    value = tags.get(name, "").lower()
    return value if len(value) == 1 and value in letters else letters[0]


def _uris(value: str) -> tuple[str, ...]:
    """The syntactically valid URIs of a list, without the size that RFC 7489 allowed."""
    found = []
    for item in value.split(",")[:MAX_URIS]:
        uri = _OBSOLETE_SIZE.sub("", item.strip())
        if _URI.match(uri):
            found.append(uri)
    return tuple(found)

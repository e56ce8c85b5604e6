"""domain - domain names as text: A-labels, the parent walk, what can be registered.

Owns:   to_alabel, to_ulabel, parents, registrable, organizational, is_public_suffix.
Asks:   the public suffix list (mail.suffix).
Not here: any DNS question; the RFC 9989 tree walk (auth.dmarc).
Rules of this file: a name is compared as lower-case A-labels without a final dot, so that one name
        has one spelling (RFC 5890 2.3.2.1, UTS 46). What no resolver could look up is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import idna

from filterd.mail import suffix

MAX_TEXT = 1_000  # characters; a U-label name of 253 octets has far fewer
MAX_NAME = 253  # octets in text form, RFC 1035 2.3.4
_ASCII = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*+\.?\Z")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}\Z")
_UNLIKELY = re.compile(r"[\x00-\x20\x7f\"'(),:;<>@\[\]\\/?#]")


@lru_cache(maxsize=2048)
def to_alabel(text: str) -> str | None:
    """The name in lower-case A-labels without a final dot, or None if it cannot be a host's name.

    Underscores are allowed (they are looked up); emoji and other names that IDNA 2008 refuses but
    UTS 46 maps are encoded, since clients resolve them all the same.
    """
    if not text or len(text) > MAX_TEXT:
        return None
    if text.isascii():
        name = text.lower()
        if _ASCII.match(name) is None:
            return None
    else:
        mapped = _encode(text)
        if mapped is None:
            return None
        name = mapped
    name = name.removesuffix(".")
    return name if len(name) <= MAX_NAME else None


def _encode(text: str) -> str | None:
    """A-labels of a name with other than ASCII letters."""
    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
    except (idna.IDNAError, UnicodeError, IndexError):
        mapped = text.lower()
    if _UNLIKELY.search(mapped):
        return None
    labels = re.split("[.\u3002\uff0e\uff61]", mapped)
    if labels and not labels[-1]:
        labels.pop()
    encoded = []
    for label in labels:
        try:
            alabel = idna.alabel(label).decode("ascii").lower() if label else ""
        except (idna.IDNAError, UnicodeError, IndexError):
            try:
                alabel = (
                    label if label.isascii() else "xn--" + label.encode("punycode").decode()
                )
            except UnicodeError:
                return None
        if _LABEL.match(alabel) is None:
            return None
        encoded.append(alabel)
    return ".".join(encoded) or None


@lru_cache(maxsize=1024)
def to_ulabel(name: str) -> str:
    """The name as people read it; labels that do not decode stay as they are."""
    if "xn--" not in name:
        return name
    labels = []
    for label in name.split("."):
        if label.startswith("xn--"):
            try:
                label = label[4:].encode("ascii").decode("punycode")
            except UnicodeError:
                pass
        labels.append(label)
    return ".".join(labels)


def parents(name: str) -> Iterator[str]:
    """The name, then each name above it, down to the top-level domain."""
    while name:
        yield name
        name = name.partition(".")[2]


@lru_cache(maxsize=2048)
def registrable(name: str) -> str | None:
    """The public suffix and one label (RFC 7489 3.2), None for a public suffix itself.

    `name` in A-labels as `to_alabel` gives them. Suffixes of the list's private part count.
    """
    labels = name.lower().removesuffix(".").split(".")
    if "" in labels:
        return None
    wanted = max(1, suffix.load().labels(".".join(labels))) + 1
    return ".".join(labels[-wanted:]) if len(labels) >= wanted else None


def organizational(name: str) -> str:
    """The organizational domain by the public suffix list; a public suffix stands for itself."""
    return registrable(name) or name


def is_public_suffix(name: str) -> bool:
    """True for "com", "co.uk", "github.io", and for any top-level name that is not listed."""
    return bool(name) and registrable(name) is None


@lru_cache(maxsize=1024)
def is_known_tld(label: str) -> bool:
    """True where the list has a rule for that top-level label (A-label or U-label)."""
    return suffix.load().labels(label.lower()) > 0

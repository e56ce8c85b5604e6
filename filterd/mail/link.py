"""link - links and bare domains of a message, with where each was found.

Owns:   Link, read (one reference as a browser reads it), find (references in text), collect.
Not here: DNS lists of domains, what a link is worth (checks.link).
Rules of this file: a reference is read as browsers do (WHATWG URL 4.4), not as RFC 3986 wishes:
        back-slashes, tabs and missing slashes do not hide a host, 0x7f.1 is 127.0.0.1. Linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import re2

from filterd.limits import LIMITS
from filterd.mail.derived import derived
from filterd.mail.domain import is_known_tld, organizational, to_alabel

if TYPE_CHECKING:
    from filterd.mail.message import Message

MAX_URL = 4_096  # characters read of one reference
MAX_FOUND = 2_000  # references looked at in text; each costs some 10 us
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,30}+):")
_SPLIT = re.compile(r"([^/?#]*+)([^?#]*+)(?:\?([^#]*+))?")
_WEB = frozenset({"http", "https", "ftp"})
_NUMERIC_HOST = re.compile(
    r"(?:0x[0-9a-f]{0,16}|[0-9]{1,20})(?:\.(?:0x[0-9a-f]{0,16}|[0-9]{1,20})){0,3}\.?\Z"
)

# References within one word. RE2's wrapper costs 30 us a match but never backtracks: it reads the
# long words (a language without spaces, an attack), the standard library reads the short ones.
_REFERENCE = (
    r"(?i)((?:https?|ftp|hxxps?):[/\\]{1,2}[^\s<>\"\x00-\x1f]+)"
    r"|(mailto:[^\s<>\"]+)"
    r"|([\w.+-]{1,64}@(?:[a-z0-9-]+\.)+[a-z]{2,24})"
    r"|([a-z0-9\x80-\x{10ffff}][a-z0-9\x80-\x{10ffff}-]*(?:\.[a-z0-9\x80-\x{10ffff}-]+)*"
    r"\.(?:[a-z]{2,24}|xn--[a-z0-9-]{2,60})\b(?::\d{1,5})?(?:/[^\s<>\"]*)?)"
)
_IN_LONG_WORD = re2.compile(_REFERENCE)
_IN_WORD = re.compile(_REFERENCE.replace(r"\x{10ffff}", "\U0010ffff"))
_DOTTED = re.compile(r"\.\S\S+")  # the rest of a word that may hold a name: no sentence's end
LONG_WORD = 300  # characters
_TRAILING = ".,;:!?'\")]}>*_`"


@dataclass(unsafe_hash=True)
class Link:
    """One reference, never changed; `host` is a lower-case A-label name, an address literal, or "".

    `origin`: "text" (a URL in text), "bare" (a name without scheme), "mail" (an address in text),
    "html" (a, area), "image", "form", "frame", "refresh", "base", "background", "object".
    `anchor` is the text the reader sees in its place. `scheme` is "" for a bare name.
    """

    url: str
    scheme: str
    host: str
    path: str
    query: str
    userinfo: str
    port: int | None
    anchor: str
    origin: str

    @derived
    def site(self) -> str:
        """The organizational domain of the host; the address itself for an address."""
        return organizational(self.host) if self.host and not self.is_address else self.host

    @property
    def is_address(self) -> bool:
        """True where the host is an IP address, however it was spelt."""
        return bool(self.host) and (self.host[0] == "[" or self.host[-1].isdigit())

    @property
    def is_web(self) -> bool:
        return self.scheme in _WEB or self.origin == "bare"


def read(reference: str, *, anchor: str = "", origin: str = "html") -> Link:
    """The link of one reference as written; what has no host (cid:, data:, relative) has host ""."""
    reference = reference[:MAX_URL]
    text = reference
    if (
        " " in text or not text.isprintable()
    ):  # white space, controls: browsers trim or drop them
        text = text.strip("".join(map(chr, range(33))))
        text = text.replace("\t", "").replace("\n", "").replace("\r", "")
    match = _SCHEME.match(text)
    scheme = match.group(1).lower() if match is not None else ""
    rest = text[match.end() :] if match is not None else text
    if scheme == "mailto":
        address, _, query = rest.partition("?")
        if "%" in address:
            address = unquote_to_bytes(address).decode("utf-8", "replace")
        host = to_alabel(address.split(",", 1)[0].rpartition("@")[2].strip(" <>")) or ""
        return Link(reference, scheme, host, address, query, "", None, anchor, origin)
    if scheme in _WEB:
        rest = rest.lstrip("/\\")
    elif not scheme and rest[:2].replace("\\", "/") == "//":
        rest = rest.lstrip("/\\")
        scheme = "http"
    elif origin == "bare":
        scheme = ""
    else:
        return Link(reference, scheme, "", rest, "", "", None, anchor, origin)
    if "\\" in rest:
        head, mark, tail = rest.partition("?")
        rest = head.replace("\\", "/") + mark + tail
    split = _SPLIT.match(rest)
    if split is None:  # cannot be: every part may be empty
        return Link(reference, scheme, "", rest, "", "", None, anchor, origin)
    authority, path, query = split.group(1), split.group(2), split.group(3) or ""
    userinfo, at, location = authority.rpartition("@")
    host, port = _host_port(location if at else authority)
    return Link(reference, scheme, host, path, query, userinfo, port, anchor, origin)


def _host_port(location: str) -> tuple[str, int | None]:
    """(host, port) of an authority without userinfo; host "" where no client could resolve it."""
    port: int | None = None
    if location.startswith("["):
        literal, _, rest = location[1:].partition("]")
        try:
            host = f"[{IPv6Address(literal.partition('%')[0])}]"
        except ValueError:
            return "", None
        digits = rest.removeprefix(":")
        return host, int(digits) if digits.isascii() and digits.isdigit() and len(
            digits
        ) < 6 else None
    name, colon, digits = location.partition(":")
    if colon and digits.isascii() and digits.isdigit() and len(digits) < 6:
        port = int(digits)
    if "%" in name:
        name = unquote_to_bytes(name).decode("utf-8", "replace")
    if name[:1] in "0123456789" and _NUMERIC_HOST.match(name.lower()) is not None:
        return _ipv4(name.lower().rstrip(".")), port
    alabel = to_alabel(name)
    if alabel is None:
        return "", port
    if alabel[:1] in "0123456789" and _NUMERIC_HOST.match(alabel) is not None:
        return _ipv4(alabel), port  # full-width digits and the like
    return alabel, port


def _ipv4(text: str) -> str:
    """The dotted address of 3232235777, 0x7f.1, 0177.0.0.01; "" where a browser would refuse."""
    numbers = []
    for piece in text.split("."):
        try:
            if piece.startswith("0x"):
                numbers.append(int(piece[2:] or "0", 16))
            elif piece.startswith("0") and len(piece) > 1:
                numbers.append(int(piece, 8))
            else:
                numbers.append(int(piece))
        except ValueError:
            return ""
    *heads, last = numbers
    if any(number > 255 for number in heads) or last >= 256 ** (4 - len(heads)):
        return ""
    value = last
    for place, number in enumerate(heads):
        value += number << (24 - 8 * place)
    return str(IPv4Address(value))


def find(text: str) -> Iterator[Link]:
    """References in plain text, in order: URLs, addresses, bare names under a known top level."""
    seen = 0
    for word in dict.fromkeys(_dotted(text)):
        pattern = _IN_WORD if len(word) <= LONG_WORD else _IN_LONG_WORD
        for match in pattern.finditer(word):
            seen += 1
            if seen > MAX_FOUND:
                return
            link = _reference(*match.groups())
            if link is not None:
                yield link


def _dotted(text: str) -> Iterator[str]:
    """The words with a dot before their last two characters: five of three hundred."""
    end = 0
    for match in _DOTTED.finditer(text):
        before = text[end : match.start()]
        begun = before.rsplit(None, 1)[-1] if before and not before[-1].isspace() else ""
        end = match.end()
        yield begun + match.group()


def _reference(
    url: str | None, mailto: str | None, mail: str | None, bare: str | None
) -> Link | None:
    """The link of one match, or None where the name is nobody's domain."""
    if url is not None:
        written = _trimmed(url)
        if written[:4].lower() == "hxxp":  # how people defang
            written = "http" + written[4:]
        return read(written, origin="text")
    if bare is not None:
        written = _trimmed(bare)
        return read(written, origin="bare") if _is_name(written) else None
    written = _trimmed(mailto or mail or "")
    link = read(written if mailto is not None else f"mailto:{written}", origin="mail")
    return link if link.host and is_known_tld(link.host.rpartition(".")[2]) else None


def _is_name(written: str) -> bool:
    """True where a dotted word is a host name, and not a file name or a missed space ("end.It")."""
    name, slash, _ = written.partition("/")
    top = name.partition(":")[0].rpartition(".")[2]
    if not is_known_tld(top.lower()):
        return False
    if name[:4].lower() == "www.":
        return True
    if top[0].isupper() and not name[0].isupper():
        return False
    return bool(slash) or top.lower() not in _FILE_TYPES


# File types that are top-level domains too: a bare word needs www. or a path to be a link.
_FILE_TYPES = frozenset(
    {"py", "sh", "pl", "rs", "md", "so", "zip", "mov", "ps", "cc", "ml", "mm", "st"}
)


def _trimmed(text: str) -> str:
    """The reference without the punctuation of the sentence around it."""
    text = text[:MAX_URL]
    while text and text[-1] in _TRAILING:
        if text[-1] == ")" and text.count("(") >= text.count(")"):
            break
        text = text[:-1]
    return text


_ORIGINS = {
    "a": "html", "area": "html", "img": "image", "form": "form", "iframe": "frame",
    "refresh": "refresh", "base": "base", "background": "background",
}  # fmt: skip


def collect(message: Message) -> tuple[Link, ...]:
    """Every distinct link of the message, at most `limits.links`: HTML first, then text.

    Two references with one host, path, query and origin are one link; the first anchor is kept,
    unless a later one shows another name than its own.
    """
    found: dict[tuple[str, str, str], Link] = {}
    room = LIMITS.links
    for link in _all(message):
        key = (link.url, link.origin, link.anchor if "." in link.anchor else "")
        if key not in found:
            found[key] = link
            if len(found) >= room:
                break
    return tuple(found.values())


def _all(message: Message) -> Iterable[Link]:
    for document in message.html:
        for item in document.links:
            if item.href[:4] in {"cid:", "CID:"} or item.href[:1] == "#":
                continue
            yield read(item.href, anchor=item.text, origin=_ORIGINS.get(item.tag, "object"))
    yield from find(message.text)

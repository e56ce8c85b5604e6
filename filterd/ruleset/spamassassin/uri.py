"""uri - the URIs that SpamAssassin's uri rules look at: found in text and HTML, and in their plain forms.

Owns:   collect, forms.
Not here: links as a browser reads them (mail.link), which our own rules look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import re2

from filterd.mail.domain import is_known_tld, to_alabel

if TYPE_CHECKING:
    from filterd.ruleset.spamassassin.view import View

MAX_URIS = 1_000  # looked at; each has up to ten forms
MAX_LENGTH = 8_192  # characters of one


def _finder() -> Any:
    """A scheme or www., an address, or a name under a known top level, as mail programs make links of."""
    options = re2.Options()
    options.log_errors = False
    options.encoding = options.Encoding.LATIN1
    stop = rb'><"`}\]{\[|\s\x1b\xa0'
    mail = stop + rb",('\x80-\xff"
    return re2.compile(
        rb"(?i)((?:https?|ftp)://[^%(stop)s]+|\b(?:www\d{0,2}|ftp)\.[^%(stop)s]+)"
        rb"|(mailto:[^%(mail)s]+|[^%(mail)s@]+@[^%(mail)s]+)"
        rb"|\b([a-z0-9][a-z0-9._-]*\.[a-z][a-z0-9-]{1,24})(\.?(?::\d{1,5})?(?:/[^%(stop)s]+)?)"
        % {b"stop": stop, b"mail": mail},
        options,
    )


_FOUND = _finder()
_TRAILING = "-~!@#^&*()_+=:;'?,."
_SCHEME = re.compile(r"(?:https?|ftp|mailto):", re.IGNORECASE)
_AUTHORITY = re.compile(
    r"(https?://)([^@/?#]*@)?([^/?#:]+)((?::(\d*))?.*)\Z", re.IGNORECASE | re.DOTALL
)
_INNER = re.compile(r"https?:/{0,2}[^&#]+", re.IGNORECASE)
_NUMBERS = re.compile(r"(?:(?:0x[0-9a-f]+|\d+)\.){3}(?:0x[0-9a-f]+|\d+)\Z", re.IGNORECASE)
_ENTITY = re.compile(r"&#0*(3[3-9]|[4-9]\d|1[01]\d|12[0-6]);")


def collect(view: View) -> list[str]:
    """Every form of every URI, without order."""
    found: dict[str, None] = {}
    for one in (*_in_text(view.body), *_in_html(view)):
        if len(found) >= MAX_URIS:
            break
        for form in forms(one):
            found[form[:MAX_LENGTH]] = None
    return list(found)


def _in_html(view: View) -> Iterable[str]:
    for rendered in view.rendered:
        yield from rendered.links


def _in_text(lines: Iterable[bytes]) -> Iterable[str]:
    seen: set[str] = set()
    for line in lines:
        for match in _FOUND.finditer(line):
            _, mail, name, _ = match.groups()
            written = match.group().decode("utf-8", "replace")
            if name is not None and not is_known_tld(
                name.decode("latin-1").rpartition(".")[2].lower()
            ):
                continue
            written = _trimmed(written)
            if written in seen:
                continue
            seen.add(written)
            one = _schemed(written, is_mail=mail is not None)
            if one:
                yield one


def _trimmed(written: str) -> str:
    head, bracket, _ = written.partition(")")
    if bracket and "(" not in head:
        written = head
    return written.rstrip(_TRAILING)


def _schemed(written: str, *, is_mail: bool) -> str:
    """The URI with a scheme; "" for what is none."""
    if is_mail and "@" not in written:
        return ""
    if written.lower().startswith(("cid:", "mid:")) or re.match(r"\w+:/{0,2}\Z", written):
        return ""
    if not _SCHEME.match(written):
        written = _with_scheme(written)
    if written.lower().startswith("mailto:"):
        written = unquote(written)
        found = re.search(r"@([^?&>]*)", written)
        if found is None or not is_known_tld(
            found.group(1).rstrip(".").rpartition(".")[2].lower()
        ):
            return ""
        return written
    host = _AUTHORITY.match(written)
    if host is not None:
        top = host.group(3).rstrip(".").rpartition(".")[2].lower()
        if not top.isdigit() and not is_known_tld(top):
            return ""
    return written


def _with_scheme(written: str) -> str:
    if written.lower().startswith("ftp."):
        return f"ftp://{written}"
    at = written.rfind("@")
    if re.match(r"www\d{0,2}\.", written, re.IGNORECASE) or 0 <= written.find("/") < at - 1:
        return f"http://{written}"
    if at >= 0:
        if "." not in written[written.find("@") + 2 :] or "&nbsp;" in written:
            return ""
        return f"mailto:{re.sub(r'^(?:skype|e?-?mail)?:+', '', written, flags=re.IGNORECASE)}"
    return f"http://{written}" if "." in written else ""


def forms(written: str) -> list[str]:
    """The URI and what else it comes to: percent signs undone, ports, redirects, numbers."""
    pending = [written.replace("\n", "").replace("\r", "").strip()]
    found: dict[str, None] = {}
    for _ in range(5):  # redirects within redirects
        if not pending:
            break
        one = pending.pop()
        if len(one) <= 1 or re.match(r"[#?&]|/(?!/)", one):
            continue
        found[one] = None
        if re.match(r"mailto:|[^:]*@", one, re.IGNORECASE):
            address = re.match(r"([^@]+@[^?]+)\?", one)
            if address is not None:
                found[address.group(1)] = None
            continue
        pending += _web_forms(one, found)
    return list(found)


def _web_forms(one: str, found: dict[str, None]) -> list[str]:
    """Add the forms of a web address to `found`; the addresses it redirects to."""
    new = re.sub(r"^(https?:)/{0,2}", r"\1//", one.replace("\\", "/"), flags=re.IGNORECASE)
    if re.search(r"%[0-9a-fA-F]{2}", new):
        new = unquote(new, errors="replace")
    if not re.match(r"[-_a-z0-9]+:", new, re.IGNORECASE):
        new = f"{'ftp' if new.startswith('ftp.') else 'http'}://{new}"
    new = re.sub(r"^(https?://[^/?#]+)([?#])", r"\1/\2", new, flags=re.IGNORECASE)
    new = _ENTITY.sub(lambda match: chr(int(match.group(1))), new)
    found[new] = None
    split = _AUTHORITY.match(new)
    if split is None:
        return []
    scheme, user, host, rest, port = split.groups()
    default = "80" if scheme == "http://" else "443"
    if port == default:
        found[f"{scheme}{host}{rest.removeprefix(f':{default}')}"] = None
    ascii_host = to_alabel(host) if not host.isascii() else host.lower()
    if ascii_host and ascii_host != host.lower():
        found[f"{scheme}{ascii_host}{rest}"] = None
        host = ascii_host
    if user:
        found[f"{scheme}{host}{rest}"] = None
    inner = _INNER.search(rest)
    trimmed = re.sub(r"(?<![^0-9A-Za-z])[^0-9A-Za-z]+\Z", "", host)
    if trimmed and trimmed != host:
        host = trimmed
        found[f"{scheme}{host}{rest}"] = None
    if _NUMBERS.match(host):
        numbers = ".".join(str(_number(piece)) for piece in host.split("."))
        found[f"{scheme}{numbers}{rest}"] = None
    elif (
        "." not in host
        and scheme == "http://"
        and not user
        and not port
        and host != "localhost"
    ):
        found[f"{scheme}www.{host}.com{rest}"] = None
    return [inner.group()] if inner is not None and "." in inner.group() else []


def _number(piece: str) -> int:
    low = piece.lower()
    try:
        if low.startswith("0x"):
            return int(low[2:][:16], 16)
        return int(low[:16], 8) if low.startswith("0") and len(low) > 1 else int(low[:16])
    except ValueError:
        return 0

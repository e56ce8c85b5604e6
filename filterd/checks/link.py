"""link - where links lead, and what hides it.

Owns:   symbols LINK_*, TEXT_ZERO_WIDTH, TEXT_MIXED_SCRIPT, TEXT_REVERSED.
Asks:   nothing.
Not here: DNS lists of link domains (checks.uribl), tricks of HTML itself (checks.html).

A link is compared with what the reader sees in its place, with the author's domain, and with the
letters of which its host is made (UTS 39: letters of two scripts in one label).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.core.wordlist import words
from filterd.mail.domain import organizational, to_alabel, to_ulabel
from filterd.mail.link import Link
from filterd.mail.message import Message

SAMPLE = 20_000  # characters of text that are looked at
MAX_LINKS = 150  # looked at; commercial mail has up to 100

_SHOWN_HOST = re.compile(
    r"(?:https?://)?((?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,24})(?:[/:?#\s]|\Z)", re.IGNORECASE
)
_BAIT = re.compile(
    r"(?:^|[^a-z])(?:log-?in|sign-?in|verif(?:y|ication)|secure|account|update|confirm|webmail|password"
    r"|unlock|suspend(?:ed)?|wallet|banking|recover|auth(?:enticate)?)(?:[^a-z]|$)"
)
_BRANDS = re.compile(
    r"paypal|amazon|apple|icloud|microsoft|office-?365|outlook|netflix|facebook|instagram|google|dhl|fedex"
    r"|ups|usps|chase|wellsfargo|citibank|hsbc|barclays|bankofamerica|ebay|linkedin|docusign|dropbox|adobe"
    r"|coinbase|binance|metamask|spotify|whatsapp|costco|walmart"
)
_RANDOM_PATH = re.compile(r"/[A-Za-z0-9_-]{30,}/?\Z")
_ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e]")
_IN_WORD = re.compile("[A-Za-z][\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f]+[A-Za-z]")
_REVERSED = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MIXED = re.compile("[A-Za-z][\u0370-\u03ff\u0400-\u052f]|[\u0370-\u03ff\u0400-\u052f][A-Za-z]")
_GREEK_CYRILLIC = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_ASCII = bytes(range(128))
_BOLD_LETTERS = re.compile("[\U0001d400-\U0001d7ff]{3}")


class Settings(CheckSettings):
    """Whether links are looked at."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Signs in links and in the letters of the text, each symbol once with the first example."""
    message = tx.message
    said: set[str] = set()
    links = message.links[:MAX_LINKS]
    for hit in _links(tx, links):
        if hit.symbol not in said:
            said.add(hit.symbol)
            yield hit
    yield from _sites(message, links)
    yield from _letters(message)
    yield from _contact(message, links)


def _contact(message: Message, links: tuple[Link, ...]) -> Iterator[Hit]:
    """A freemail address to write to that is neither the author's nor anybody's in the header."""
    if "in-reply-to" in message.header or "references" in message.header:
        return
    freemail = words("freemail")
    found = [link for link in links if link.scheme == "mailto" and link.site in freemail]
    if not found:
        return
    known = {
        box.address.lower()
        for name in ("from", "to", "cc", "sender")
        for box in message.addresses(name).mailboxes
    }
    for link in found:
        if link.path.lower() not in known:
            yield Hit("TEXT_FREEMAIL_CONTACT", link.path[:100])
            return


def _links(tx: Transaction, links: tuple[Link, ...]) -> Iterator[Hit]:
    shorteners, cheap = words("shorteners"), words("cheap-tlds")
    recipients = {address.lower() for address in tx.envelope.recipients if "@" in address}
    for link in links:
        if not link.is_web or not link.host:
            continue
        host = link.host
        if link.is_address:
            spelt = host.strip("[]") in link.url
            yield Hit("LINK_ADDRESS" if spelt else "LINK_ADDRESS_HIDDEN", link.url[:100])
            continue
        if link.origin in {"html", "text", "form", "refresh"}:
            yield from _one(link)
        if link.site in shorteners or host in shorteners:
            yield Hit("LINK_SHORTENER", host)
        if host.rpartition(".")[2] in cheap:
            yield Hit("LINK_CHEAP_TLD", host)
        if "xn--" in host:
            yield Hit("LINK_PUNYCODE", to_ulabel(host)[:100])
            if _is_mixed(host):
                yield Hit("LINK_MIXED_SCRIPT", to_ulabel(host)[:100])
        if recipients and len(link.url) < 1000 and _names_recipient(link, recipients):
            yield Hit("LINK_RECIPIENT", link.url[:100])


def _one(link: Link) -> Iterator[Hit]:
    if link.userinfo:
        yield Hit("LINK_USERINFO", link.url[:100])
    if link.port is not None and link.port not in {80, 443}:
        yield Hit("LINK_PORT", link.url[:100])
    if link.anchor and "." in link.anchor:
        shown = _SHOWN_HOST.match(link.anchor.strip()[:200])
        if shown is not None:
            name = to_alabel(shown.group(1))
            site = organizational(name) if name else ""
            if site and "." in site and site != link.site and site.rpartition(".")[2] != "html":
                yield Hit("LINK_MISMATCH", f"{name} is {link.host}"[:120])
    if not link.url.isascii():
        if _ZERO_WIDTH.search(link.url[:200]) is not None:
            yield Hit("LINK_ZERO_WIDTH", link.host)
        if _REVERSED.search(link.url[:200]) is not None:
            yield Hit("LINK_REVERSED", link.host)
    if _has_brand(link.host, link.site) and (
        _BAIT.search(f"{link.host}{link.path[:200]}".lower()) is not None
    ):
        yield Hit("LINK_BAIT", link.host)


@lru_cache(maxsize=512)
def _has_brand(host: str, site: str) -> bool:
    """True for a host that bears a well-known name in a domain that is not that name's."""
    label = site.partition(".")[0]
    if _BRANDS.search(host.removesuffix(site)) is not None:
        return True
    return _BRANDS.search(label) is not None and _BRANDS.fullmatch(label) is None


def _names_recipient(link: Link, recipients: set[str]) -> bool:
    """True if the recipient's address stands in the link, as pages that ask for a password like it."""
    text = f"{link.path}?{link.query}#{link.url.partition('#')[2]}"
    if "@" not in text and "%40" not in text:
        return False
    text = text.lower().replace("%40", "@")
    return any(address in text for address in recipients)


@lru_cache(maxsize=512)
def _is_mixed(host: str) -> bool:
    """True if a label has letters of two scripts (UTS 39), Japanese and Korean mixtures aside."""
    for label in to_ulabel(host).split("."):
        scripts = {
            unicodedata.name(letter, "").partition(" ")[0]
            for letter in label
            if letter.isalpha()
        }
        scripts -= {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"}
        if len(scripts) > 1:
            return True
    return False


def _sites(message: Message, links: tuple[Link, ...]) -> Iterator[Hit]:
    """What the links have in common: snowshoe mail knows one site and random paths."""
    web = [
        link for link in links if link.is_web and link.host and link.origin in {"html", "text"}
    ]
    if not web:
        return
    sites = {link.site for link in web}
    if len(sites) == 1:
        yield from _one_site(message, web, sites.pop())
    if len(web) == 1 and message.text.count(" ") < 40:
        yield Hit("LINK_AND_LITTLE_TEXT", web[0].host)


def _one_site(message: Message, web: list[Link], site: str) -> Iterator[Hit]:
    if len(web) >= 2 and all(
        _RANDOM_PATH.match(link.path) is not None and not link.query for link in web
    ):
        author = next((box.domain for box in message.author.mailboxes if box.domain), "")
        symbol = "LINK_RANDOM_OWN" if organizational(author) == site else "LINK_RANDOM"
        yield Hit(symbol, f"{len(web)} of {len(web)}")
    if message.html and all(link.scheme == "http" for link in web):
        yield Hit("LINK_ALL_PLAIN", f"{len(web)} links")
    hosts = {link.host for link in web}
    if len(hosts) >= 4:
        yield Hit("LINK_MANY_HOSTS", f"{len(hosts)} under {site}")


def _letters(message: Message) -> Iterator[Hit]:
    text = message.text[:SAMPLE]
    if text.isascii() and message.subject.isascii():
        return
    both = f"{message.subject}\n{message.decoded('from')}\n{text}"
    # Most text is ASCII: what is left without it tells which patterns are worth trying.
    rest = both.encode("utf-8", "replace").translate(None, _ASCII).decode("utf-8", "ignore")
    if _ZERO_WIDTH.search(rest) is not None:
        inside = len(_IN_WORD.findall(both))
        if inside >= 3:
            yield Hit("TEXT_ZERO_WIDTH", f"{inside} words")
    if _REVERSED.search(rest) is not None:
        yield Hit("TEXT_REVERSED")
    if _GREEK_CYRILLIC.search(rest) is not None:
        mixed = len(_MIXED.findall(both))
        if mixed >= 3:
            yield Hit("TEXT_MIXED_SCRIPT", f"{mixed} places")
    if _BOLD_LETTERS.search(rest) is not None:
        yield Hit("TEXT_FANCY_LETTERS")


CHECK = Check(
    name="link",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "LINK_ADDRESS", "LINK_ADDRESS_HIDDEN", "LINK_SHORTENER", "LINK_CHEAP_TLD", "LINK_PUNYCODE",
        "LINK_MIXED_SCRIPT", "LINK_RECIPIENT", "LINK_USERINFO", "LINK_PORT", "LINK_MISMATCH",
        "LINK_ZERO_WIDTH", "LINK_REVERSED", "LINK_BAIT", "LINK_RANDOM", "LINK_RANDOM_OWN",
        "LINK_ALL_PLAIN", "LINK_MANY_HOSTS", "LINK_AND_LITTLE_TEXT", "TEXT_ZERO_WIDTH", "TEXT_MIXED_SCRIPT",
        "TEXT_REVERSED", "TEXT_FANCY_LETTERS", "TEXT_FREEMAIL_CONTACT",
    ),
)  # fmt: skip

"""author - games with names: who the message says it is from, to whom, and where an answer would go.

Owns:   symbols FROM_* (but the missing and the double field), REPLY_TO_*, TO_*, FREEMAIL_*.
Asks:   nothing.
Not here: alignment and policy (checks.dmarc), header sanity (checks.field).

A display name that shows another address or the name of somebody in the VIP file, an author in a domain
of ours whom nothing proves, a freemail Reply-To behind another author: what readers fall for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.core.wordlist import words
from filterd.mail.address import Mailbox
from filterd.mail.domain import is_known_tld, organizational, to_alabel
from filterd.mail.message import Message
from filterd.mail.text import is_in_capitals

MAX_VIP_BYTES = 1 << 20

_ADDRESS_IN_NAME = re.compile(r"[\w.+-]{1,64}@((?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24})")
_NAME_WORDS = re.compile(r"\w+")
_DIGITS_END = re.compile(r"\d{2,}\Z")
_UNDISCLOSED = re.compile(
    r"un(?:disclosed|listed)|no[ -]?recipient|hidden|suppressed", re.IGNORECASE
)
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6,}")
_CONFUSED = str.maketrans(
    {"I": "l", "1": "l", "|": "l", "0": "o", "5": "s", "$": "s", "3": "e", "@": "a"}
)
_EDGE_SPACE = re.compile(r"\s{4,}|[_\s]_\s*\Z|\u00a0\Z")


class Settings(CheckSettings):
    """Whose names are worth forging here."""

    own_domains: tuple[str, ...] = Field(
        default=(),
        description="Domains whose mail only comes from us, or proven by DKIM or SPF.",
    )
    vip_file: Path | None = Field(
        default=None,
        description="File of people who are worth forging: NAME <ADDRESS>[, ADDRESS...] a line.",
    )


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Contradictions between names, addresses and the way an answer would take."""
    message = tx.message
    author = message.author
    box = next((one for one in author.mailboxes if one.domain), None)
    if "from" in message.header:
        if box is None:
            yield Hit("FROM_NO_ADDRESS")
        elif author.is_ambiguous:
            yield Hit("FROM_AMBIGUOUS", ", ".join(sorted(author.defects)))
    if box is not None:
        yield from _display(box, message)
        yield from _local_part(box)
        yield from _own(tx, box, settings)
        yield from _vip(tx, box, settings)
    yield from _reply_to(message, box)
    yield from _recipients(tx, message, box)


def _display(box: Mailbox, message: Message) -> Iterator[Hit]:
    display = box.display
    if not display:
        return
    shown = _ADDRESS_IN_NAME.search(display[:300])
    if shown is not None:
        name = to_alabel(shown.group(1))
        if name and organizational(name) != organizational(box.domain):
            yield Hit("FROM_NAME_ADDRESS", shown.group()[:100])
    if _EDGE_SPACE.search(display[:300]) is not None or display != display.strip():
        yield Hit("FROM_NAME_SPACES")
    if is_in_capitals(display[:200], 8):
        yield Hit("FROM_NAME_CAPITALS")
    yield from _brand(display, box)
    if display.strip().lower() == message.subject.strip().lower():
        yield Hit("FROM_NAME_IS_SUBJECT")
    compact = "".join(_NAME_WORDS.findall(display.lower()))
    local = box.local.lower().replace("_", "").replace(".", "").replace("-", "")
    if len(compact) >= 10 and compact == local and " " in display.strip():
        yield Hit("FROM_NAME_IS_LOCAL", box.address)


def _brand(display: str, box: Mailbox) -> Iterator[Hit]:
    """A name everybody knows in front of an address that is not theirs, spelt as it is or nearly."""
    brands = words("brands")
    labels = box.domain.replace("-", "").split(".")
    plain = display.lower()[:200]
    alike = display[:200].translate(_CONFUSED).lower()
    for spelt in dict.fromkeys((plain, alike)):
        found = _NAME_WORDS.findall(spelt)
        names = {*found, *(a + b for a, b in pairwise(found))} & brands
        for name in sorted(names):
            if not any(name in label for label in labels):
                yield Hit("FROM_BRAND" if spelt == plain else "FROM_LOOKALIKE", display[:100])
                return


def _local_part(box: Mailbox) -> Iterator[Hit]:
    site = organizational(box.domain)
    local = box.local
    if site in words("disposable"):
        yield Hit("FROM_DISPOSABLE", site)
    if site in words("freemail"):
        yield Hit("FROM_FREEMAIL", site)
        if _DIGITS_END.search(local) is not None:
            yield Hit("FROM_FREEMAIL_DIGITS", box.address)
    if box.domain.rpartition(".")[2] in words("cheap-tlds") or ".".join(
        box.domain.split(".")[-2:]
    ) in words("cheap-tlds"):
        yield Hit("FROM_CHEAP_TLD", box.domain)
    if not is_known_tld(box.domain.rpartition(".")[2]) and not box.domain.startswith("["):
        yield Hit("FROM_UNKNOWN_TLD", box.domain)
    if _CONSONANTS.search(local.lower()) is not None:
        yield Hit("FROM_LOCAL_RANDOM", box.address)


def _own(tx: Transaction, box: Mailbox, settings: Settings) -> Iterator[Hit]:
    """An author in a domain of ours who comes from outside without proof."""
    if not settings.own_domains or tx.session.is_local or tx.session.is_authenticated:
        return
    domains = frozenset(name.lower() for name in settings.own_domains)
    if box.domain in domains or organizational(box.domain) in domains:
        if not _is_proven(tx, box.domain):
            yield Hit("FROM_OWN_UNPROVEN", box.address)
    elif any(name in box.display.lower() for name in domains):
        yield Hit("FROM_NAME_OWN_DOMAIN", box.display[:100])


def _is_proven(tx: Transaction, domain: str) -> bool:
    """True if DMARC passed, or a passing DKIM or SPF identity is aligned with the domain."""
    if any(result.result == "pass" for result in tx.auth("dmarc")):
        return True
    site = organizational(domain)
    names = [r.get("header.d") for r in tx.auth("dkim") if r.result == "pass"]
    if any(result.result == "pass" for result in tx.auth("spf")):
        names.append(tx.envelope.domain)
    return any(name and organizational(name.lower()) == site for name in names)


def _vip(tx: Transaction, box: Mailbox, settings: Settings) -> Iterator[Hit]:
    if settings.vip_file is None or not box.display:
        return
    try:
        stamp = settings.vip_file.stat().st_mtime_ns
    except OSError:
        return
    known = _vips(settings.vip_file, stamp)
    addresses = known.get(_name_key(box.display))
    if addresses is not None and box.address.lower() not in addresses:
        yield Hit("FROM_VIP_NAME", f"{box.display[:60]} <{box.address[:100]}>")


def _name_key(name: str) -> str:
    """A name without order, case and punctuation: "Doe, Jane" is "Jane Doe"."""
    return " ".join(sorted(_NAME_WORDS.findall(name.casefold()[:200])))


@lru_cache(maxsize=8)
def _vips(path: Path, stamp: int) -> dict[str, frozenset[str]]:
    """Names of the file -> their addresses; read again when the file's time changes."""
    known: dict[str, frozenset[str]] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(MAX_VIP_BYTES)
    for line in text.splitlines():
        name, bracket, rest = line.partition("#")[0].partition("<")
        if bracket and name.strip():
            addresses = (one.strip(" <>\t").lower() for one in rest.split(","))
            known[_name_key(name)] = frozenset(one for one in addresses if one)
    return known


def _reply_to(message: Message, box: Mailbox | None) -> Iterator[Hit]:
    if box is None or "reply-to" not in message.header:
        return
    answer = next((one for one in message.addresses("reply-to").mailboxes if one.domain), None)
    if answer is None:
        yield Hit("REPLY_TO_INVALID")
        return
    if answer.address.lower() == box.address.lower():
        return
    freemail = words("freemail")
    site = organizational(answer.domain)
    from_site = organizational(box.domain)
    is_list = "list-id" in message.header or "list-post" in message.header
    if site in freemail:
        yield Hit(
            "REPLY_TO_FREEMAIL" if from_site not in freemail else "REPLY_TO_OTHER_FREEMAIL",
            answer.address,
        )
        if _DIGITS_END.search(answer.local) is not None:
            yield Hit("REPLY_TO_DIGITS", answer.address)
    elif site != from_site and not is_list:
        yield Hit("REPLY_TO_DIFFERS", answer.address)
    if site in words("disposable"):
        yield Hit("REPLY_TO_DISPOSABLE", answer.address)


def _recipients(tx: Transaction, message: Message, box: Mailbox | None) -> Iterator[Hit]:
    header = message.header
    if "to" not in header and "cc" not in header:
        yield Hit("TO_MISSING")
        return
    to = message.addresses("to")
    if not any(one.domain for one in to.mailboxes):
        if _UNDISCLOSED.search(header.value("to")[:200]) is not None or to.groups:
            if not message.addresses("cc").mailboxes:
                yield Hit("TO_UNDISCLOSED")
        elif not message.addresses("cc").mailboxes:
            yield Hit("TO_NO_ADDRESS")
        return
    if box is not None and any(
        one.address.lower() == box.address.lower() for one in to.mailboxes
    ):
        yield Hit("TO_IS_FROM", box.address)
    first = to.mailboxes[0]
    if first.display and len(first.local) >= 3 and first.display.strip("'\" ") == first.local:
        yield Hit("TO_NAME_IS_LOCAL", first.address)
    locals_ = {one.local.lower() for one in to.mailboxes if len(one.local) >= 3}
    locals_ |= {rcpt.partition("@")[0].lower() for rcpt in tx.envelope.recipients}
    if locals_ & set(_NAME_WORDS.findall(message.subject.lower()[:300])):
        yield Hit("TO_LOCAL_IN_SUBJECT")
    if len(to.mailboxes) >= 8 and _looks_sorted([one.local.lower() for one in to.mailboxes]):
        yield Hit("TO_SORTED", f"{len(to.mailboxes)} addresses")


def _looks_sorted(names: list[str]) -> bool:
    """True for a stretch of an alphabetical list: neighbours begin alike and ascend."""
    ascending = sum(a <= b for a, b in pairwise(names))
    alike = sum(a[:2] == b[:2] for a, b in pairwise(names))
    return ascending >= len(names) - 1 and alike * 2 >= len(names)


CHECK = Check(
    name="author",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    after=("spf", "dkim", "dmarc"),
    symbols=(
        "FROM_NO_ADDRESS", "FROM_AMBIGUOUS", "FROM_NAME_ADDRESS", "FROM_NAME_SPACES",
        "FROM_NAME_CAPITALS", "FROM_NAME_IS_SUBJECT", "FROM_NAME_IS_LOCAL", "FROM_DISPOSABLE",
        "FROM_FREEMAIL", "FROM_FREEMAIL_DIGITS", "FROM_CHEAP_TLD", "FROM_UNKNOWN_TLD",
        "FROM_LOCAL_RANDOM", "FROM_BRAND", "FROM_LOOKALIKE", "FROM_OWN_UNPROVEN", "FROM_NAME_OWN_DOMAIN", "FROM_VIP_NAME",
        "REPLY_TO_INVALID", "REPLY_TO_FREEMAIL", "REPLY_TO_OTHER_FREEMAIL", "REPLY_TO_DIGITS",
        "REPLY_TO_DIFFERS", "REPLY_TO_DISPOSABLE", "TO_MISSING", "TO_UNDISCLOSED", "TO_NO_ADDRESS",
        "TO_IS_FROM", "TO_NAME_IS_LOCAL", "TO_LOCAL_IN_SUBJECT", "TO_SORTED",
    ),
)  # fmt: skip

"""bulk - marks of mailing lists and bulk mail, honest and otherwise.

Owns:   symbols LIST_MAIL, BULK_*, REPLY_*.
Asks:   nothing.
Not here: what lists do to signatures (checks.arc, checks.dmarc).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.domain import organizational, registrable
from filterd.mail.link import find
from filterd.mail.message import Message

_LIST_ID = re.compile(r"<[^<>\s]{1,200}\.[^<>\s]{1,200}>")
_BULK = frozenset({"bulk", "list", "junk"})


class Settings(CheckSettings):
    """Whether list and bulk fields are looked at."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """What the fields of RFC 2369, 2919 and 8058 say, and whether the message answers another."""
    message = tx.message
    header = message.header
    if "list-id" in header and ("list-post" in header or "list-archive" in header):
        yield Hit("LIST_MAIL", header.value("list-id")[:100])
    elif header.value("precedence").lower() in _BULK or "list-unsubscribe" in header:
        yield Hit("BULK_MAIL")
    yield from _unsubscribe(message)
    yield from _reply(message)


def _unsubscribe(message: Message) -> Iterator[Hit]:
    header = message.header
    if "list-id" in header and _LIST_ID.search(message.decoded("list-id")) is None:
        yield Hit("BULK_LIST_ID", header.value("list-id")[:80])
    if "list-unsubscribe" not in header:
        if "list-unsubscribe-post" in header:
            yield Hit("BULK_POST_ALONE")
        return
    value = message.decoded("list-unsubscribe")[:2000]
    links = [link for link in find(value.replace("<", " ").replace(">", " ")) if link.host]
    if not links:
        yield Hit("BULK_UNSUBSCRIBE_BROKEN", value[:80])
        return
    if "list-unsubscribe-post" in header and not any(link.scheme == "https" for link in links):
        yield Hit("BULK_POST_NO_HTTPS", links[0].host)


def _reply(message: Message) -> Iterator[Hit]:
    """An answer that quotes what it answers; a spammer has nothing to quote."""
    header = message.header
    if "in-reply-to" not in header and "references" not in header:
        return
    quoted = message.text.count("\n>")
    if quoted >= 3:
        yield Hit("REPLY_QUOTES", f"{quoted} lines")
    box = next((one for one in message.author.mailboxes if one.domain), None)
    refs = f"{header.value('in-reply-to')[:500]} {header.value('references')[:2000]}".lower()
    if box is not None and registrable(box.domain) and refs.count("@") >= 2:
        own = organizational(box.domain)
        hosts = {ref.rpartition("@")[2].strip("<> ,") for ref in refs.split() if "@" in ref}
        if any(not host.endswith(own) for host in hosts):
            yield Hit("REPLY_THREAD", f"{len(hosts)} hosts")


CHECK = Check(
    name="bulk",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "LIST_MAIL", "BULK_MAIL", "BULK_LIST_ID", "BULK_POST_ALONE", "BULK_UNSUBSCRIBE_BROKEN",
        "BULK_POST_NO_HTTPS", "REPLY_QUOTES", "REPLY_THREAD",
    ),
)  # fmt: skip

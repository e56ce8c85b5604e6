"""place - the named places of a transaction that a rule can look at.

Owns:   Place, place (name -> Place), names for lint and "did you mean".
Not here: matching (match), SpamAssassin's places (spamassassin.text).
A place gives texts: one (subject, body) or many (every link, every field of a name).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from filterd.core.stage import Stage
from filterd.limits import LIMITS
from filterd.mail.text import decode_words

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction

Texts = Iterable[str | bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule looks.

    `holds` is what a list rule compares there: "network", "domain", "address" or "words".
    """

    name: str
    stage: Stage
    describe: str
    texts: Callable[[Transaction], Texts]
    holds: str = "words"

    def values(self, tx: Transaction) -> tuple[bytes, ...]:
        """The texts as UTF-8, bounded in number and length."""
        found: list[bytes] = []
        room = LIMITS.text_bytes
        for text in self.texts(tx):
            data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
            if len(data) > room:
                data = data[:room]
            found.append(data)
            room -= len(data)
            if room <= 0:
                break
        return tuple(found)


def _client(tx: Transaction) -> Texts:
    return (str(tx.session.client),) if tx.session.client else ()


def _recipients(tx: Transaction) -> tuple[str, ...]:
    return (tx.recipient,) if tx.recipient else tx.envelope.recipients


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower() if "@" in address else ""


def _given(*texts: str) -> Texts:
    return tuple(text for text in texts if text)


_FIXED = (
    Place("client", Stage.CONNECT, "the client's IP address", _client, "network"),
    Place(
        "client.name",
        Stage.CONNECT,
        "the client's verified name",
        lambda tx: _given(tx.session.client_name),
        "domain",
    ),
    Place("helo", Stage.HELO, "the HELO name", lambda tx: _given(tx.session.helo), "domain"),
    Place(
        "mail_from",
        Stage.MAIL,
        "the reverse-path",
        lambda tx: (tx.envelope.reverse_path,),
        "address",
    ),
    Place(
        "mail_from.domain",
        Stage.MAIL,
        "the reverse-path's domain",
        lambda tx: _given(tx.envelope.domain),
        "domain",
    ),
    Place("rcpt", Stage.RCPT, "each recipient", _recipients, "address"),
    Place(
        "rcpt.domain",
        Stage.RCPT,
        "each recipient's domain",
        lambda tx: _given(*map(_domain, _recipients(tx))),
        "domain",
    ),
    Place("subject", Stage.HEADER, "the decoded subject", lambda tx: (tx.message.subject,)),
    Place(
        "header",
        Stage.HEADER,
        'every field as "Name: value"',
        lambda tx: (f"{field.name}: {field.value}" for field in tx.message.header),
    ),
    Place(
        "body",
        Stage.EOM,
        "the text a reader sees",
        lambda tx: (tx.message.text,),
    ),
    Place("raw", Stage.EOM, "the body as it was sent", lambda tx: (tx.message.body,)),
    Place(
        "html",
        Stage.EOM,
        "each HTML part's source",
        lambda tx: (
            part.text
            for part in tx.message.parts
            if part.content_type == "text/html" and not part.is_attachment
        ),
    ),
    Place("link", Stage.EOM, "each link", lambda tx: (k.url for k in tx.message.links)),
    Place(
        "link.host",
        Stage.EOM,
        "each link's host",
        lambda tx: dict.fromkeys(k.host for k in tx.message.links if k.host),
        "domain",
    ),
    Place(
        "link.site",
        Stage.EOM,
        "each link's organizational domain",
        lambda tx: dict.fromkeys(k.site for k in tx.message.links if k.site),
        "domain",
    ),
    Place(
        "link.text",
        Stage.EOM,
        "what is shown for each link",
        lambda tx: (k.anchor for k in tx.message.links if k.anchor),
    ),
    Place(
        "attachment.name",
        Stage.EOM,
        "each attachment's file name",
        lambda tx: (p.filename for p in tx.message.attachments if p.filename),
    ),
    Place(
        "attachment.type",
        Stage.EOM,
        "each attachment's media type",
        lambda tx: (p.content_type for p in tx.message.attachments),
    ),
    Place(
        "part.type",
        Stage.EOM,
        "each part's media type",
        lambda tx: (p.content_type for p in tx.message.parts),
    ),
)
FIXED = {place.name: place for place in _FIXED}

# What may stand behind header:NAME.
FORMS = {
    "": ("the decoded value of each such field", "words"),
    "raw": ("each such field as it was sent", "words"),
    "address": ("each address in such fields", "address"),
    "domain": ("the domain of each address in such fields", "domain"),
    "name": ("the display name of each address in such fields", "words"),
}


@cache
def place(name: str) -> Place | None:
    """The place of that name; None where there is none. Header names ignore case."""
    if name in FIXED:
        return FIXED[name]
    kind, colon, rest = name.partition(":")
    field, _, form = rest.partition(":")
    if kind != "header" or not colon or form not in FORMS or not _is_field_name(field):
        return None
    describe, holds = FORMS[form]
    return Place(name, Stage.HEADER, f"{field}: {describe}", _of_field(field, form), holds)


def _is_field_name(name: str) -> bool:
    return 0 < len(name) <= 100 and all(33 <= ord(c) <= 126 and c != ":" for c in name)


def _of_field(name: str, form: str) -> Callable[[Transaction], Texts]:
    key = name.lower()
    if form == "":
        return lambda tx: (decode_words(f.unfolded) for f in tx.message.header.all(key))
    if form == "raw":
        return lambda tx: (f.raw.strip(b" \t\r\n") for f in tx.message.header.all(key))
    if form == "address":
        return lambda tx: (m.address for m in tx.message.addresses(key).mailboxes)
    if form == "domain":
        return lambda tx: (m.domain for m in tx.message.addresses(key).mailboxes)
    return lambda tx: (m.display for m in tx.message.addresses(key).mailboxes if m.display)

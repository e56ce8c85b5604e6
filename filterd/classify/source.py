"""source - what of a message the classifier may read, as bounded texts.

Owns:   Source; which fields never count; which fields are old, well-known and travel with the author.
Not here: hashing (classify.features), parsing of mail (filterd.mail, shared with every check).

A field that gives a verdict or the collecting site away, or that a filter adds (ours too), is as if it
were not there: not in a token, not in the order of fields, not in a count.
"""

from __future__ import annotations

from typing import NamedTuple

from filterd.classify.recall import Recall
from filterd.mail.header import Field
from filterd.mail.link import Link
from filterd.mail.message import Message

# Prefixes, lower case. Verdicts, mailbox state and delivery marks: they say what another program or the
# collecting site thought, so they must not teach (measured: with them every figure is trivially good).
NEVER_COUNT = (
    "x-spam", "x-rspamd-", "x-rc-spam", "x-rc-virus", "xstatus", "xlevel", "xchecker-version",
    "x-amavis", "x-barracuda-", "x-asg-", "x-foff-", "x-greylist", "x-miltered", "x-j-chkmail",
    "x-uuid", "x-virus-", "x-ms-", "x-microsoft-antispam", "x-forefront-antispam", "x-eop",
    "x-incomingtopheadermarker", "x-incomingheadercount", "x-sid-", "x-sender-ip",
    "x-message-delivery", "x-message-info", "x-ymailisg", "x-apparently-to", "x-cmae-",
    "x-keywords", "x-mozilla-", "x-evolution", "status", "x-status", "x-uid", "x-imap",
    "delivered-to", "x-original-to", "return-path", "envelope-to", "x-envelope-",
    "x-filterd-", "x-bogosity", "x-mailscanner", "x-dspam-", "x-pyzor", "x-razor", "x-crm114",
    "x-scanned", "x-antispam", "x-anti-spam", "x-proofpoint-", "x-ironport-", "x-old-spam",
    "x-ham-report", "x-quarantine", "x-gmail-labels", "x-gm-spam", "x-mailman-spam",
    "authentication-results", "arc-authentication-results", "received-spf", "dkim-filter",
    "content-length", "lines",
)  # fmt: skip

AUTHORED = (
    "from", "subject", "reply-to", "content-type", "mime-version", "content-transfer-encoding",
    "x-mailer", "user-agent", "x-priority",
)  # fmt: skip

MAX_FIELDS = 150  # of those that count; real mail has fewer than 80
RAW_HEAD_BYTES = 3_000
AUTHORED_BYTES = 1_500
BODY_BYTES = 3_000
OPAQUE_BYTES = 600  # of a part that is no text
TEXT_CHARS = 6_000
MAX_LINKS = 300
MAX_PARTS = 20


class Source(NamedTuple):
    """The bounded texts of one message, and the message for its shared parsing."""

    message: Message
    is_local: bool  # whether what is of the site is wanted too
    fields: tuple[tuple[str, Field], ...]  # that count, in order, with their lower-case names
    head: bytes  # fields as received, LF line ends; empty unless local
    authored: bytes  # decoded "name: value" lines of AUTHORED
    body: bytes  # decoded body, part fields in place
    text: bytes  # visible text, lower case, UTF-8
    links: tuple[Link, ...]
    values: dict[str, str]  # decoded AUTHORED fields that are there

    def decoded(self, name: str) -> str:
        """The topmost field of that name, encoded words decoded; "" where absent."""
        return self.values.get(name, "")


def read(message: Message, *, is_local: bool = True) -> Source:
    """The texts of a message; any message gives a Source."""
    keyed = [
        (key, field)
        for field in message.header.fields
        if (key := _KEYS[field.name]) is not None
    ]
    fields = tuple(keyed[:MAX_FIELDS])
    values = _authored(message)
    authored = "".join([f"{name}: {value}\n" for name, value in values.items()])
    return Source(
        message=message,
        is_local=is_local,
        fields=fields,
        head=_raw_head(fields) if is_local else b"",
        authored=authored.encode("utf-8", "replace")[:AUTHORED_BYTES],
        body=_body(message),
        text=message.text[:TEXT_CHARS].lower().encode("utf-8", "replace"),
        links=message.links[:MAX_LINKS],
        values=values,
    )


def _authored(message: Message) -> dict[str, str]:
    """The topmost field of each name of AUTHORED, decoded."""
    values: dict[str, str] = {}
    for name in AUTHORED:
        field = message.header.first(name)
        if field is not None:
            raw = field.unfolded[:AUTHORED_BYTES]
            is_plain = raw.isascii() and raw.find(b"=?") < 0
            values[name] = (
                raw.decode("ascii") if is_plain else message.decoded(name)[:AUTHORED_BYTES]
            )
    return values


def _key(name: str) -> str | None:
    """The lower-case name of a field that counts; None for others."""
    key = name.lower()
    return None if key.startswith(NEVER_COUNT) else key


_KEYS = Recall(_key)


def _raw_head(fields: tuple[tuple[str, Field], ...]) -> bytes:
    size = 0
    lines: list[bytes] = []
    for _, field in fields:
        line = b"%s:%s" % (field.name.encode("latin-1", "replace"), field.raw[:RAW_HEAD_BYTES])
        lines.append(line)
        size += len(line)
        if size > RAW_HEAD_BYTES:
            break
    return b"\n".join(lines).replace(b"\r", b"")[:RAW_HEAD_BYTES]


def _body(message: Message) -> bytes:
    pieces: list[bytes] = []
    size = 0
    for part in message.parts[:MAX_PARTS]:
        if part.parent is not None:
            head = [
                b"%s: %s\n" % (field.name.encode("latin-1", "replace"), field.unfolded[:400])
                for field in part.header.fields[:10]
            ]
            pieces += [*head, b"\n"]
            size += sum(map(len, head))
        if not part.is_multipart:
            if part.content_type.startswith("text/"):
                text = part.text[:BODY_BYTES].encode("utf-8", "replace").replace(b"\r", b"")
            else:
                text = part.raw[:OPAQUE_BYTES].replace(b"\r", b"")
            pieces += [text, b"\n"]
            size += len(text)
        if size >= BODY_BYTES:
            break
    return b"".join(pieces)[:BODY_BYTES]

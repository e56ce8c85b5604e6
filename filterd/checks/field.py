"""field - header sanity: what must be there, once, and in a form that mail programs write.

Owns:   symbols FROM_MISSING, FIELD_*, DATE_*, MESSAGE_ID_*, SUBJECT_*.
Asks:   nothing.
Not here: who is in From, To and Reply-To (checks.author), the trace (checks.received), programs that
        give themselves away (checks.mailer), patterns in texts (rules/10-*.toml).

RFC 5322 3.6: one From and one Date are required, most fields may occur once. A date is compared with the
newest Received field, not with our clock, so that mail from a queue or an archive is judged alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.message import Message
from filterd.mail.text import is_in_capitals

HOUR = 3600.0
DAY = 24 * HOUR
ONCE = (
    "date", "from", "sender", "reply-to", "to", "cc", "message-id", "in-reply-to", "references",
    "subject", "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip
SHOWN = frozenset({"from", "to", "subject", "reply-to"})

_MESSAGE_ID = re.compile(r"\s*<[^<>\s@]{1,500}@[^<>\s@]{1,255}>\s*\Z")
_ZONE = re.compile(r"([+-])(\d{2})(\d{2})\b")
_REPLY = re.compile(
    r"\s*(?:re|aw|sv|antw|odp|vs|回复|答复)\s*(?:\[\d+\])?\s*[::]", re.IGNORECASE
)
_TWO_DIGIT_YEAR = re.compile(r"\d{1,2}[ -][A-Za-z]{3}[ -]\d{2}[ ]")
_ODD_SPACE = re.compile(r"\S(?:\s{6,}|\u00a0{3,})\S")
_MARKS = re.compile(r"[!?$€£*]")


class Settings(CheckSettings):
    """Whether the header is looked at."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """What is missing, double, malformed or out of time in the header."""
    message = tx.message
    yield from _presence(message)
    yield from _date(message, services.clock.now())
    yield from _message_id(message)
    yield from _subject(message)
    yield from _bytes(message)


def _presence(message: Message) -> Iterator[Hit]:
    header = message.header
    if "from" not in header:
        yield Hit("FROM_MISSING")
    elif len(header.all("from")) > 1:
        yield Hit("FROM_SEVERAL_FIELDS")
    if "subject" not in header:
        yield Hit("SUBJECT_MISSING")
    double = [name for name in ONCE if name != "from" and len(header.all(name)) > 1]
    if double:
        yield Hit("FIELD_DUPLICATE", ", ".join(double))


def _date(message: Message, now: float) -> Iterator[Hit]:
    field = message.header.first("date")
    if field is None:
        yield Hit("DATE_MISSING")
        return
    date = message.date
    if date is None:
        yield Hit("DATE_INVALID", field.value[:60])
        return
    arrived = next((hop.date for hop in message.hops[:3] if hop.date is not None), now)
    if date > arrived + 12 * HOUR:
        yield Hit("DATE_FUTURE", f"{(date - arrived) / HOUR:.0f} hours")
    elif date < arrived - 4 * DAY:
        yield Hit("DATE_PAST", f"{(arrived - date) / DAY:.0f} days")
    value = field.value
    zone = _ZONE.search(value)
    if zone is None:
        yield Hit("DATE_NO_ZONE", value[:60])
    elif int(zone.group(2)) > 14 or int(zone.group(3)) not in {0, 15, 30, 45}:
        yield Hit("DATE_ZONE_ODD", zone.group())
    if _TWO_DIGIT_YEAR.search(value) is not None:
        yield Hit("DATE_SHORT_YEAR", value[:60])


def _message_id(message: Message) -> Iterator[Hit]:
    field = message.header.first("message-id")
    if field is None:
        yield Hit("MESSAGE_ID_MISSING")
        return
    value = field.value
    if _MESSAGE_ID.match(value) is None:
        yield Hit("MESSAGE_ID_INVALID", value[:80])
        return
    local, _, host = value.strip().strip("<>").rpartition("@")
    if ("." not in host and ":" not in host) or host.endswith(
        (".local", ".localdomain", ".lan")
    ):
        yield Hit("MESSAGE_ID_HOST", host[:80])
    if host.startswith("["):
        yield Hit("MESSAGE_ID_ADDRESS", host[:80])
    if local.isdigit() or (len(local) >= 12 and local.isalpha() and local.isupper()):
        yield Hit("MESSAGE_ID_ODD", value[:80])


def _subject(message: Message) -> Iterator[Hit]:
    subject = message.subject
    if not subject:
        if "subject" in message.header:
            yield Hit("SUBJECT_EMPTY")
        return
    if is_in_capitals(subject[:300], 10) and " " in subject.strip():
        yield Hit("SUBJECT_CAPITALS")
    if _REPLY.match(subject) is not None and not (
        "in-reply-to" in message.header or "references" in message.header
    ):
        yield Hit("SUBJECT_FALSE_REPLY")
    if _ODD_SPACE.search(subject[:500]) is not None:
        yield Hit("SUBJECT_SPACES")
    if len(_MARKS.findall(subject[:300])) >= 4:
        yield Hit("SUBJECT_MARKS")


def _bytes(message: Message) -> Iterator[Hit]:
    """8-bit bytes where encoded words belong, NUL, limits reached."""
    raw8 = []
    has_nul = False
    for field in message.header:
        raw = field.raw
        has_nul = has_nul or 0 in raw
        if not raw.isascii():
            raw8.append(field.name)
    if raw8:
        names = {name.lower() for name in raw8}
        symbol = "FIELD_8BIT" if names & SHOWN else "FIELD_8BIT_OTHER"
        yield Hit(symbol, ", ".join(raw8[:5]))
    if has_nul:
        yield Hit("FIELD_NUL")
    if message.header.skipped:
        yield Hit("FIELD_TOO_MANY", f"{message.header.skipped} more")


CHECK = Check(
    name="field",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "FROM_MISSING", "FROM_SEVERAL_FIELDS", "FIELD_DUPLICATE", "FIELD_8BIT", "FIELD_8BIT_OTHER",
        "FIELD_NUL", "FIELD_TOO_MANY", "DATE_MISSING", "DATE_INVALID", "DATE_FUTURE", "DATE_PAST",
        "DATE_NO_ZONE", "DATE_ZONE_ODD", "DATE_SHORT_YEAR", "MESSAGE_ID_MISSING",
        "MESSAGE_ID_INVALID", "MESSAGE_ID_HOST", "MESSAGE_ID_ODD", "MESSAGE_ID_ADDRESS", "SUBJECT_MISSING",
        "SUBJECT_EMPTY", "SUBJECT_CAPITALS", "SUBJECT_FALSE_REPLY", "SUBJECT_SPACES",
        "SUBJECT_MARKS",
    ),
)  # fmt: skip

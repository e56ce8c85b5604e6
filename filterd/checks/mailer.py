"""mailer - programs that are not what they say: forged Outlook, forged freemail, tools of the trade.

Owns:   symbols MAILER_*, FREEMAIL_FORGED.
Asks:   nothing.
Not here: header sanity (checks.field).

What Outlook Express and Outlook write is known to the byte: the Message-ID holds the FILETIME of the
writing (in UTC; copies often have local time), X-MimeOLE is always there, HTML never comes alone. Ratware copies some of it. The last Outlook
Express is of 2006: mail of 2015 and later that claims it comes from a tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.core.wordlist import words
from filterd.mail.domain import organizational
from filterd.mail.message import Message

YEAR_2013 = 1356998400.0
TICKS_TO_1970 = 116_444_736_000_000_000  # FILETIME counts 100 ns from 1601

_EXPRESS = re.compile(
    r"Microsoft Outlook Express V?\d"
)  # the Macintosh edition is another program
_OE_ID = re.compile(r"<[0-9a-f]{4}([0-9a-f]{8})\$([0-9a-f]{8})\$[0-9a-f]{8}@", re.IGNORECASE)
_SHORT_ID = re.compile(r"<[0-9a-f]{8}\$[0-9a-f]{8}\$[0-9a-f]{8}@", re.IGNORECASE)
_LOCAL_ID = re.compile(r"<[0-9a-f]{12}\$[0-9a-f]{8}\$0100007f@", re.IGNORECASE)
_BAT_ID = re.compile(
    r"<\d{4,12}\.(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])[0-2]\d[0-5]\d[0-6]\d@"
)
_NEXT_PART = re.compile(
    r"----=_NextPart_[0-9A-F]{3}_[0-9A-F]{4}_([0-9A-F]{8})\.([0-9A-F]{8})\Z"
)
_OLE_VERSION = re.compile(r"V(\d+\.\d+)\.(\d+)\.(\d+)")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)")

# Freemail provider -> names that stand in Received, Message-ID or DKIM d= of all mail it sends.
_MARKS: dict[str, tuple[str, ...]] = {
    "gmail.com": ("google.com", "gmail.com", "googlemail.com", "1e100.net"),
    "yahoo.com": ("yahoo.", "ymail.com", "yahoodns.net"),
    "hotmail.com": ("hotmail.com", "outlook.com", "live.com", "msn.com", "microsoft.com"),
    "outlook.com": ("hotmail.com", "outlook.com", "live.com", "microsoft.com"),
    "live.com": ("hotmail.com", "outlook.com", "live.com", "microsoft.com"),
    "msn.com": ("hotmail.com", "outlook.com", "live.com", "msn.com", "microsoft.com"),
    "aol.com": ("aol.com", "yahoo.", "aim.com", "netscape.net"),
    "mail.ru": ("mail.ru", "list.ru", "bk.ru", "inbox.ru"),
    "163.com": ("163.com", "126.com", "netease.com", "yeah.net"),
    "126.com": ("163.com", "126.com", "netease.com"),
    "qq.com": ("qq.com", "tencent.com"),
    "gmx.de": ("gmx.", "web.de", "kundenserver.de"),
    "gmx.net": ("gmx.", "web.de", "kundenserver.de"),
    "web.de": ("gmx.", "web.de", "kundenserver.de"),
    "excite.com": ("excite.com",),
    "lycos.com": ("lycos.com", "mailcity.com"),
    "juno.com": ("juno.com", "untd.com", "netzero."),
    "netzero.net": ("juno.com", "untd.com", "netzero."),
}


class Settings(CheckSettings):
    """Whether programs are looked at."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Contradictions between the program named and the marks it leaves."""
    message = tx.message
    mailer = message.header.value("x-mailer")[:200] or message.header.value("user-agent")[:200]
    yield from _outlook(message, mailer)
    yield from _tools(message, mailer)
    yield from _freemail(message)


def _outlook(message: Message, mailer: str) -> Iterator[Hit]:
    header = message.header
    is_express = _EXPRESS.match(mailer) is not None
    is_outlook = is_express or mailer.startswith(
        ("Microsoft Outlook", "Microsoft Office Outlook")
    )
    ole = header.value("x-mimeole")[:200]
    if is_express:
        if not ole:
            yield Hit("MAILER_NO_MIMEOLE", mailer)
        elif _is_other_version(mailer, ole):
            yield Hit("MAILER_VERSION", f"{mailer} / {ole}")
        if (message.date or 0.0) > YEAR_2013:
            yield Hit("MAILER_ANCIENT", mailer)
    elif not is_outlook and "x-msmail-priority" in header and not ole:
        yield Hit("MAILER_MSMAIL", mailer or "no X-Mailer")
    if is_express and _OE_ID.match(header.value("message-id")) is None:
        yield Hit("MAILER_OUTLOOK_ID", header.value("message-id")[:80])
    if is_outlook and _host(message) == _author_domain(message) != "":
        yield Hit("MAILER_ID_IS_DOMAIN", _host(message))
    if is_outlook and message.parts[0].is_html:
        yield Hit("MAILER_OUTLOOK_HTML", mailer)
    yield from _filetimes(message, is_outlook=is_outlook)


def _host(message: Message) -> str:
    return message.header.value("message-id").rpartition("@")[2].rstrip("> ").lower()


def _author_domain(message: Message) -> str:
    return next((box.domain for box in message.author.mailboxes if box.domain), "")


def _is_other_version(mailer: str, ole: str) -> bool:
    """True where X-Mailer and X-MimeOLE are of different main versions (5.50, 6.00)."""
    a, b = _VERSION.search(mailer), _VERSION.search(ole)
    return a is not None and b is not None and a.groups()[:3] != b.groups()[:3]


def _filetimes(message: Message, *, is_outlook: bool) -> Iterator[Hit]:
    """The times in Message-ID and boundary against the Date field and one another."""
    found = _OE_ID.match(message.header.value("message-id"))
    part = _NEXT_PART.match(message.parts[0].params.get("boundary", ""))
    if found is not None and message.date is not None:
        written = _seconds(found.group(1), found.group(2))
        if abs(written - message.date) > 3600:
            yield Hit("MAILER_ID_TIME", f"{(written - message.date) / 3600:.1f} hours")
    if (
        found is not None
        and part is not None
        and (
            found.group(1).lower() == part.group(1).lower()
            and found.group(2).lower() == part.group(2).lower()
        )
    ):
        yield Hit("MAILER_BOUNDARY_IS_ID")
    if is_outlook and part is None and message.parts[0].is_multipart:
        yield Hit("MAILER_OUTLOOK_BOUNDARY", message.parts[0].params.get("boundary", "")[:80])


def _seconds(high: str, low: str) -> float:
    return ((int(high, 16) << 32 | int(low, 16)) - TICKS_TO_1970) / 1e7


def _tools(message: Message, mailer: str) -> Iterator[Hit]:
    header = message.header
    message_id = header.value("message-id")[:300]
    if _SHORT_ID.match(message_id) is not None:
        yield Hit("MAILER_SHORT_ID", message_id)
    if _LOCAL_ID.match(message_id) is not None:
        yield Hit("MAILER_LOCAL_ID", message_id)
    if mailer.startswith("The Bat!") and _BAT_ID.match(message_id) is None:
        yield Hit("MAILER_BAT_ID", message_id)
    if (
        "x-php-script" in header
        or "x-php-originating-script" in header
        or "PHPMailer" in mailer
    ):
        yield Hit("MAILER_PHP", mailer)
    if "domainkey-signature" in header and (message.date or 0.0) > YEAR_2013:
        yield Hit("MAILER_DOMAINKEYS")


def _freemail(message: Message) -> Iterator[Hit]:
    """An author at a freemail provider in a message that the provider never touched."""
    box = next((one for one in message.author.mailboxes if one.domain), None)
    if box is None:
        return
    site = organizational(box.domain)
    family = "yahoo.com" if site.startswith("yahoo.") else site
    if family.startswith("hotmail."):
        family = "hotmail.com"
    marks = _MARKS.get(family)
    if marks is None or site not in words("freemail"):
        return
    header = message.header
    seen = [header.value("message-id")]
    seen += [hop.raw for hop in message.hops]
    seen += [field.value for field in header.all("dkim-signature")]
    seen += [field.value for field in header.all("domainkey-signature")]
    trail = " ".join(text[:2_000] for text in seen).lower()
    if not any(mark in trail for mark in marks):
        yield Hit("FREEMAIL_FORGED", box.address)
    elif not any(mark in text.lower() for text in seen[1:] for mark in marks):
        yield Hit("FREEMAIL_FORGED_ID", box.address)


CHECK = Check(
    name="mailer",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "MAILER_NO_MIMEOLE", "MAILER_VERSION", "MAILER_ANCIENT", "MAILER_MSMAIL",
        "MAILER_OUTLOOK_ID", "MAILER_OUTLOOK_HTML", "MAILER_OUTLOOK_BOUNDARY", "MAILER_ID_TIME",
        "MAILER_BOUNDARY_IS_ID", "MAILER_ID_IS_DOMAIN", "MAILER_SHORT_ID", "MAILER_LOCAL_ID",
        "MAILER_BAT_ID", "MAILER_PHP", "MAILER_DOMAINKEYS", "FREEMAIL_FORGED",
        "FREEMAIL_FORGED_ID",
    ),
)  # fmt: skip

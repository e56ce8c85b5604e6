"""structure - how a message is built, as words: shapes of domains, HTML, links, header order.

Owns:   `shape` (about 60 words that hold whatever the mail is about) and `order` (neighbouring fields).
Words alone are a coin toss on mail of a kind never seen; these 60 transfer (CLASSIFIER study, 2a).
Numbers become buckets of powers of two, so that a word is met again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from filterd.classify.source import HTML_CHARS, MAX_PARTS, Source
from filterd.mail.link import Link

# Fields whose place says who the author's software and sender's service are. Left out: what sites and
# lists on the way add, and what nobody else uses.
_NOT_IN_ORDER = (
    "received", "dkim-", "domainkey-", "arc-", "authentication-", "list-", "mailing-list",
    "precedence", "x-google-", "x-gm-", "x-received", "resent-", "errors-to", "sender",
    "x-mailman-", "x-beenthere", "x-list",
)  # fmt: skip
_KNOWN_X = frozenset({
    "x-mailer", "x-priority", "x-msmail-priority", "x-mimeole", "x-accept-language",
    "x-sender", "x-originating-ip", "x-campaign", "x-campaignid", "x-report-abuse",
    "x-csa-complaints", "x-auto-response-suppress", "x-entity-ref-id", "x-feedback-id",
    "x-sg-eid", "x-mandrill-user", "x-php-originating-script", "x-authenticated-sender",
})  # fmt: skip

_TAGS = ("img", "a", "table", "style", "font", "div", "center", "meta", "form", "script", "map",
         "base", "u", "span", "p", "td", "br", "b", "h1", "strong", "input", "iframe", "body")  # fmt: skip
# (name, what is counted in the lower-cased source)
_MARKS = (
    ("comments", "<!--"), ("conditional", "<!--[if"), ("mso", "mso"), ("background", "background"),
    ("media", "@media"), ("presentation", "presentation"), ("none", "display:none"),
    ("none-spaced", "display: none"), ("font0", "font-size:0"), ("font1", "font-size:1px"),
    ("max0", "max-height:0"), ("opacity0", "opacity:0"), ("width1", "width=\"1\""),
    ("nbsp", "&nbsp;"), ("entities", "&#"), ("zero-width", "\u200c"), ("zero-space", "\u200b"),
    ("zwnj", "&zwnj;"), ("soft-hyphen", "\u00ad"), ("shy", "&shy;"), ("joiner", "\u034f"),
    ("viewport", "viewport"), ("class", "class="), ("important", "!important"),
)  # fmt: skip
_VOWELS = str.maketrans("", "", "bcdfghjklmnpqrstvwxyz0123456789-.")
_DIGITS = str.maketrans("", "", "abcdefghijklmnopqrstuvwxyz-._+=")


def bucket(number: int) -> int:
    """0, 1, 2-3, 4-7, ... as 0, 1, 2, 3, ..."""
    return number.bit_length()


def shape(read: Source) -> list[str]:
    """Words for the build of the message; bounded by what is counted."""
    author = _author(read)
    return [
        *_domain("from", author),
        *_address(read),
        *_subject(read.message.subject[:400]),
        *_identity(read, author),
        *_parts(read),
        *_html(read),
        *_links(read, author),
    ]


def order(read: Source) -> list[str]:
    """Each name as spelt, and each pair of neighbours, of the fields an author's side writes."""
    names = []
    for field in read.fields:
        key = field.key
        if key.startswith(_NOT_IN_ORDER):
            continue
        if key.startswith("x-") and key not in _KNOWN_X:
            continue
        names.append(field.name[:40])
    lower = ["^", *(name.lower() for name in names), "$"]
    pairs = [
        f"order {first} > {second}" for first, second in itertools.pairwise(lower)
    ]
    return [f"spelling {name}" for name in names] + pairs


def _author(read: Source) -> str:
    mailboxes = read.message.author.mailboxes
    return mailboxes[0].domain if mailboxes else ""


def _site(domain: str) -> str:
    return ".".join(domain.rsplit(".", 2)[-2:])


def _domain(kind: str, domain: str) -> Iterator[str]:
    if not domain:
        yield f"{kind} no domain"
        return
    domain = domain[:255]
    name, _, tld = domain.rpartition(".")
    yield f"{kind} tld {tld}"
    yield f"{kind} labels {domain.count('.')}"
    yield f"{kind} length {len(domain) // 3}"
    yield f"{kind} digits {len(domain.translate(_DIGITS))}"
    yield f"{kind} hyphens {name.count('-')}"
    yield f"{kind} vowels {10 * len(name.translate(_VOWELS)) // max(1, len(name))}"


def _address(read: Source) -> Iterator[str]:
    message = read.message
    field = message.header.first("from")
    raw = field.unfolded[:400] if field else b""
    quoted, encoded = b'"' in raw, raw.count(b"=?")
    yield f"from quotes {quoted}"
    yield f"from encoded {encoded}"
    mailboxes = message.author.mailboxes
    yield f"from mailboxes {bucket(len(mailboxes))}"
    if mailboxes:
        local = mailboxes[0].local.lower()[:100]
        yield f"from local length {bucket(len(local))}"
        yield f"from local digits {bucket(len(local.translate(_DIGITS)))}"
        yield f"from name length {bucket(len(mailboxes[0].display))}"


def _subject(subject: str) -> Iterator[str]:
    size = len(subject)
    yield f"subject length {bucket(size)}"
    yield f"subject capitals {10 * sum(map(str.isupper, subject)) // max(1, size)}"
    yield f"subject ! {bucket(subject.count('!'))}"
    yield f"subject $ {bucket(subject.count('$'))}"
    yield f"subject ? {bucket(subject.count('?'))}"
    yield f"subject digits {bucket(sum(map(str.isdigit, subject)))}"
    if not subject.isascii():
        foreign = sum(character > "\x7f" for character in subject)
        yield f"subject foreign {bucket(foreign)}"
        emoji = sum(character >= "\U0001f000" for character in subject)
        yield f"subject emoji {bucket(emoji)}"
    start = subject[:4].lower()
    if start.startswith("re:"):
        yield "subject re"
    elif start.startswith(("fwd:", "fw:")):
        yield "subject fwd"


def _identity(read: Source, author: str) -> Iterator[str]:
    """How the domains of the header agree with the author's."""
    header = read.message.header
    message_id = header.value("message-id")[:400].strip(" <>")
    domain = message_id.rpartition("@")[2].lower()
    yield f"message-id {'none' if not message_id else domain == author} {'.' in domain}"
    yield f"message-id site {bool(domain) and _site(domain) == _site(author)}"
    if "reply-to" in header:
        reply = read.message.addresses("reply-to").mailboxes
        same = bool(reply) and _site(reply[0].domain) == _site(author)
        yield f"reply-to {'same' if same else 'other'}"
    else:
        yield "reply-to absent"
    signatures = header.all("dkim-signature")
    yield f"signatures {min(len(signatures), 4)}"
    signed = "absent"
    for signature in signatures[:4]:
        value = signature.unfolded[:1_000].replace(b" ", b"")
        mark = value.find(b";d=") + 1
        signer = value[mark + 2 :].partition(b";")[0].decode("latin-1").lower() if mark else ""
        aligned = signer and _site(signer) == _site(author)
        signed = "aligned" if aligned or signed == "aligned" else "other"
    yield f"signature {signed}"
    unsubscribe = "list-unsubscribe" in header
    yield f"unsubscribe {unsubscribe} {'list-unsubscribe-post' in header}"
    to = header.value("to")[:200].lower()
    yield f"to {'absent' if not to else 'undisclosed' if 'undisclosed' in to else 'given'}"


def _parts(read: Source) -> Iterator[str]:
    parts = read.message.parts[:MAX_PARTS]
    yield "parts " + " ".join(part.content_type[:40] for part in parts)
    for part in parts:
        if not part.is_multipart:
            yield (
                f"part {part.content_type[:40]} {part.transfer_encoding[:20]} "
                f"{part.charset[:20]} {part.disposition}"
            )
        if part.filename:
            yield f"file {part.filename[-60:].rpartition('.')[2].lower()[:10]}"


def _html(read: Source) -> Iterator[str]:
    message = read.message
    if not message.html:
        yield "html none"
        yield f"text length {bucket(len(message.text))}"
        return
    sources = [
        part.text
        for part in message.parts
        if part.content_type == "text/html" and not part.is_attachment
    ]
    source = "".join(sources)[:HTML_CHARS].lower()
    visible = sum(len(document.visible) for document in message.html)
    length = sum(map(len, sources))
    yield f"html length {bucket(length)}"
    yield f"html visible {bucket(visible)}"
    yield f"html ratio {20 * visible // max(1, length)}"
    for tag in _TAGS:
        count = sum(document.counts.get(tag, 0) for document in message.html)
        yield f"html <{tag}> {bucket(count)}"
    for name, mark in _MARKS:
        yield f"html {name} {bucket(source.count(mark))}"
    for document in message.html:
        for trick, times in sorted(document.tricks.items()):
            yield f"html trick {trick} {bucket(times)}"


def _links(read: Source, author: str) -> Iterator[str]:
    links: tuple[Link, ...] = read.message.links[:300]
    yield f"links {bucket(len(links))}"
    sites = {_site(link.host): link.host for link in links if link.host}
    yield f"link sites {bucket(len(sites))}"
    if sites:
        own = _site(author)
        yield f"link own any {own in sites}"
        yield f"link own all {set(sites) == {own}}"
    for host in sorted(sites.values())[:4]:
        yield from _domain("link", host)

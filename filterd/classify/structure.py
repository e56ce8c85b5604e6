"""structure - how a message is built, as words: domains, names, parts, links, sizes, field order.

Owns:   `shape` (some 70 words that hold whatever the mail is about) and `order` (neighbouring fields).
Words alone are a coin toss on mail of a kind never seen; these transfer. What did not, and is left out:
counts of HTML tags and CSS, shapes of link domains, anything of the Date (models/README.md).
Numbers become buckets of powers of two, so that a word is met again; a count of none is no word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise

from filterd.classify.source import MAX_PARTS, Source
from filterd.mail.address import Mailbox
from filterd.mail.header import Field

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

WEB_LINKS = 40  # links whose host and path are shaped
BODY_BYTES = 100_000  # looked at for the longest line
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]+")
_NAME_WORDS = re.compile(r"[a-z0-9]{3,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_CLASSES = str.maketrans(
    dict.fromkeys(_LETTERS, "x")
    | dict.fromkeys(_LETTERS.upper(), "X")
    | dict.fromkeys(_DIGITS, "9")
)
_NO_VOWELS = str.maketrans("", "", "aeiouy")
_MARKS_ONLY = str.maketrans("", "", _LETTERS + _LETTERS.upper() + _DIGITS)


def bucket(number: int) -> int:
    """0, 1, 2-3, 4-7, ... as 0, 1, 2, 3, ..."""
    return number.bit_length()


def shape(read: Source) -> list[str]:
    """Words for the build of the message; bounded by what is looked at."""
    mailboxes = read.message.author.mailboxes
    mailbox = mailboxes[0] if mailboxes else None
    author = mailbox.domain[:255] if mailbox else ""
    return [
        *_domain(author),
        *_address(read, mailbox, len(mailboxes)),
        *_name(mailbox, author),
        *_subject(read.decoded("subject")[:400]),
        *_identity(read, author),
        *_message_id(read.message.header.value("message-id")[:300].strip()),
        *_parts(read),
        *_links(read, author),
    ]


def order(read: Source) -> list[str]:
    """Each name as spelt, and each pair of neighbours, of the fields an author's side writes."""
    kept = [(key, field.name) for key, field in read.fields if _is_ordered(key)]
    lower = ["^", *[key[:40] for key, _ in kept], "$"]
    return [
        *[f"spelling {name[:40]}" for _, name in kept],
        *[f"order {first} > {second}" for first, second in pairwise(lower)],
    ]


@lru_cache(maxsize=4096)
def _is_ordered(key: str) -> bool:
    if key.startswith("x-") and key not in _KNOWN_X:
        return False
    return not key.startswith(_NOT_IN_ORDER)


def site_of(domain: str) -> str:
    """The last two labels."""
    return ".".join(domain.rsplit(".", 2)[-2:])


def _domain(domain: str) -> Iterator[str]:
    if not domain:
        yield "domain none"
        return
    name, _, tld = domain.rpartition(".")
    main = site_of(domain).partition(".")[0].replace("-", "")
    yield f"domain tld {tld}"
    yield f"domain labels {domain.count('.')}"
    yield f"domain length {len(domain) // 3}"
    yield f"domain main length {len(main) // 2}"
    if digits := domain.translate(_CLASSES).count("9"):
        yield f"domain digits {digits}"
    if hyphens := name.count("-"):
        yield f"domain hyphens {hyphens}"
    vowels = len(name) - len(name.translate(_NO_VOWELS))
    yield f"domain vowels {10 * vowels // max(1, len(name))}"
    yield f"domain consonants {max(map(len, _CONSONANTS.findall(main)), default=0)}"


def _address(read: Source, mailbox: Mailbox | None, count: int) -> Iterator[str]:
    field = read.message.header.first("from")
    raw = field.unfolded[:400] if field else b""
    quoted = b'"' in raw
    yield f"from quotes {quoted}"
    if encoded := raw.count(b"=?"):
        yield f"from encoded {encoded}"
    yield f"from mailboxes {bucket(count)}"
    if mailbox is not None:
        local = mailbox.local[:100]
        yield f"from local length {bucket(len(local))}"
        if digits := local.translate(_CLASSES).count("9"):
            yield f"from local digits {bucket(digits)}"
        yield f"from name length {bucket(len(mailbox.display))}"


def _name(mailbox: Mailbox | None, domain: str) -> Iterator[str]:
    """How the display name agrees with the address: brands do, borrowed names do not."""
    name = mailbox.display[:200].lower() if mailbox else ""
    local = mailbox.local[:100].lower() if mailbox else ""
    words = _NAME_WORDS.findall(name)
    plain = domain.replace("-", "")
    yield f"name in domain {any(len(word) > 3 and word in plain for word in words)}"
    yield f"name joined in domain {bool(words) and ''.join(words)[:8] in plain}"
    yield f"name in local {any(word in local for word in words)}"
    yield f"name empty {not name}"
    yield f"name words {bucket(len(words))}"
    yield f"local in domain {len(local) > 3 and local in domain}"


def _subject(subject: str) -> Iterator[str]:
    size = len(subject)
    yield f"subject length {bucket(size)}"
    yield f"subject words {bucket(len(subject.split()))}"
    end = subject[-1:]
    yield f"subject end {end if end in {'!', '?', '.', ':'} else 'x'}"
    if capitals := 10 * sum(map(str.isupper, subject)) // max(1, size):
        yield f"subject capitals {capitals}"
    for mark in "!$?":
        if count := subject.count(mark):
            yield f"subject {mark} {bucket(count)}"
    if digits := sum(map(str.isdigit, subject)):
        yield f"subject digits {bucket(digits)}"
    if not subject.isascii():
        yield f"subject foreign {bucket(sum(c > chr(127) for c in subject))}"
        if emoji := sum(c >= "\U0001f000" for c in subject):
            yield f"subject emoji {bucket(emoji)}"
    start = subject[:4].lower()
    if start.startswith("re:"):
        yield "subject re"
    elif start.startswith(("fwd:", "fw:")):
        yield "subject fwd"


def _identity(read: Source, author: str) -> Iterator[str]:
    """How the domains of the header agree with the author's."""
    message = read.message
    header = message.header
    own = site_of(author)
    if "reply-to" in header:
        reply = message.addresses("reply-to").mailboxes
        same = bool(reply) and site_of(reply[0].domain) == own
        yield f"reply-to {'same' if same else 'other'}"
    else:
        yield "reply-to absent"
    message_id = header.value("message-id")[:300].strip(" <>")
    domain = message_id.rpartition("@")[2].lower()
    yield f"message-id {'none' if not message_id else domain == author} {'.' in domain}"
    yield f"message-id site {bool(domain) and site_of(domain) == own}"
    signatures = header.all("dkim-signature")
    yield f"signatures {min(len(signatures), 4)}"
    yield f"signature {_signed(signatures[:4], own)}"
    yield f"unsubscribe {'list-unsubscribe' in header} {'list-unsubscribe-post' in header}"
    to = header.value("to")[:200].lower()
    yield f"to {'absent' if not to else 'undisclosed' if 'undisclosed' in to else 'given'}"
    people = message.addresses("to").mailboxes
    yield f"to count {bucket(len(people))} {bool(people and people[0].display)}"
    if "cc" in header:
        yield "cc"
    yield f"fields {bucket(len(read.fields))}"


def _signed(signatures: Sequence[Field], own: str) -> str:
    """Whether a DKIM signature names the author's site (d=, RFC 6376 3.5), valid or not."""
    found = "absent"
    for signature in signatures:
        value = signature.raw[:1_000].translate(None, b" \t\r\n")
        at = value.find(b";d=")
        signer = value[at + 3 :].partition(b";")[0].decode("latin-1").lower() if at >= 0 else ""
        if signer and site_of(signer) == own:
            return "aligned"
        found = "other"
    return found


def _message_id(text: str) -> Iterator[str]:
    """The make of the Message-ID: programs have their own, senders of bulk invent theirs."""
    left, _, right = text.strip("<>").rpartition("@")
    digits = left.translate(_CLASSES).count("9")
    yield f"id brackets {text.startswith('<')} {text.endswith('>')}"
    yield f"id length {len(left) // 4}"
    yield f"id marks {''.join(sorted(set(left.translate(_MARKS_ONLY))))[:8]}"
    yield f"id case {left != left.lower()} digits {10 * digits // max(1, len(left))}"
    yield f"id labels {right.count('.')}"
    yield f"id class {''.join([c for c, _ in groupby(left.translate(_CLASSES))])[:24]}"


def _parts(read: Source) -> Iterator[str]:
    message = read.message
    parts = message.parts[:MAX_PARTS]
    yield "parts " + " ".join([part.content_type[:40] for part in parts])
    for part in parts:
        if not part.is_multipart:
            yield (
                f"part {part.content_type[:40]} {part.transfer_encoding[:20]} "
                f"{part.charset[:20]} {part.disposition}"
            )
        if part.filename:
            yield f"file {part.filename[-60:].rpartition('.')[2].lower()[:10]}"
    body = message.body
    yield f"body size {bucket(len(body) - body.count(13))}"  # line ends differ by transport
    longest = max(map(len, body[:BODY_BYTES].replace(b"\r", b"").split(b"\n")))
    yield f"longest line {bucket(longest)}"
    if not message.html:
        yield "html none"
        yield f"text length {bucket(len(message.text))}"
        return
    visible = sum([len(html.visible) for html in message.html])
    length = sum([len(html.source) - html.source.count("\r") for html in message.html])
    yield f"html length {bucket(length)}"
    yield f"html visible {bucket(visible)}"
    yield f"html ratio {20 * visible // max(1, length)}"


def _links(read: Source, author: str) -> Iterator[str]:
    links = read.links
    yield f"links {bucket(len(links))}"
    site = {host: site_of(host) for host in {link.host for link in links}}
    site.pop("", None)
    sites = set(site.values())
    yield f"link sites {bucket(len(sites))}"
    own = site_of(author)
    if sites:
        yield f"link own {own in sites} {sites == {own}}"
    web = [link for link in links if link.host and link.is_web]
    schemes = [link.scheme for link in web]
    plain, secure = schemes.count("http"), schemes.count("https")
    yield f"link schemes {bool(plain)} {bool(secure)}"
    if plain:
        yield f"link http {bucket(plain)}"
    if secure:
        yield f"link https {bucket(secure)}"
    images = {link.host for link in web if link.origin == "image"}
    anchors = {link.host for link in web if link.origin == "html"}
    yield f"image hosts {bucket(len(images))}"
    yield f"anchor hosts {bucket(len(anchors))}"
    both = bool(images) and {site[h] for h in images} == {site[h] for h in anchors}
    yield f"images from anchors {both}"
    share = sum([site[link.host] == own for link in web])
    yield f"link own share {10 * share // max(1, len(web))}"
    for link in web[:WEB_LINKS]:
        path, host = link.path, link.host
        yield (
            f"path {link.origin} {path.count('/')} {bucket(len(path))} {bucket(len(link.query))}"
        )
        yield f"host {link.origin} {host.count('.')} {host.rpartition('.')[2]}"

"""structure - how a message is built, as words: domains, names, parts, links, sizes, field order.

Owns:   `shape` (some 70 words that hold whatever the mail is about) and `order` (neighbouring fields).
Words alone are a coin toss on mail of a kind never seen; these transfer. What did not, and is left out:
counts of HTML tags and CSS, shapes of link domains, anything of the Date (models/README.md).
Numbers become buckets of powers of two, so that a word is met again; a count of none is no word.
A word is a tuple, its parts in the order in which they are spelt: most are met in every message, and are looked up
(classify.tokens) in a tenth of the time that text takes to make. No word has True or False where another has a number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from typing import TypeAlias

from filterd.classify.recall import Recall
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

Word: TypeAlias = tuple[str | int, ...]

WEB_LINKS = 40  # links whose host and path are shaped
BODY_BYTES = 100_000  # looked at for the longest line
_QUOTE = b'"'
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]+")
_NAME_WORDS = re.compile(r"[a-z0-9]{3,}")
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_CLASSES = bytes.maketrans(
    _LETTERS + _LETTERS.upper() + _DIGITS, b"x" * 26 + b"X" * 26 + b"9" * 10
)
_NO_VOWELS = str.maketrans("", "", "aeiouy")


def bucket(number: int) -> int:
    """0, 1, 2-3, 4-7, ... as 0, 1, 2, 3, ..."""
    return number.bit_length()


def spell(word: Word) -> str:
    """A word as text, and as what is hashed of it."""
    return " ".join(map(str, word))


def shape(read: Source) -> list[Word]:
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
        *_parts(read),
        *_links(read, author),
    ]


def order(read: Source) -> list[Word]:
    """Each name as spelt, and each pair of neighbours, of the fields an author's side writes."""
    spelt = [each for _, field in read.fields if (each := _SPELLINGS[field.name]) is not None]
    lower = ["^", *[key for key, _ in spelt], "$"]
    return [
        *[word for _, word in spelt],
        *[("order", first, ">", second) for first, second in pairwise(lower)],
    ]


def _spelling(name: str) -> tuple[str, Word] | None:
    """The lower-case name of a field and its spelling as a word; None where its place says nothing."""
    key = name.lower()
    if key.startswith(_NOT_IN_ORDER) or (key.startswith("x-") and key not in _KNOWN_X):
        return None
    return key[:40], ("spelling", name[:40])


_SPELLINGS = Recall(_spelling)


def site_of(domain: str) -> str:
    """The last two labels."""
    return ".".join(domain.rsplit(".", 2)[-2:])


def _digits(text: str) -> int:
    """How many ASCII digits there are; bytes are translated in a tenth of the time of text."""
    raw = text.encode("utf-8", "replace")
    return len(raw) - len(raw.translate(None, _DIGITS))


@lru_cache(maxsize=256)
def _domain(domain: str) -> tuple[Word, ...]:
    """The make of the author's domain; most mail is from few."""
    if not domain:
        return (("domain none",),)
    name, _, tld = domain.rpartition(".")
    main = site_of(domain).partition(".")[0].replace("-", "")
    digits, hyphens = _digits(domain), name.count("-")
    vowels = len(name) - len(name.translate(_NO_VOWELS))
    return (
        ("domain tld", tld),
        ("domain labels", domain.count(".")),
        ("domain length", len(domain) // 3),
        ("domain main length", len(main) // 2),
        *([("domain digits", digits)] if digits else ()),
        *([("domain hyphens", hyphens)] if hyphens else ()),
        ("domain vowels", 10 * vowels // max(1, len(name))),
        ("domain consonants", max(map(len, _CONSONANTS.findall(main)), default=0)),
    )


def _address(read: Source, mailbox: Mailbox | None, count: int) -> list[Word]:
    field = read.message.header.first("from")
    raw = field.unfolded[:400] if field else b""
    found: list[Word] = [("from quotes", _QUOTE in raw)]
    if encoded := raw.count(b"=?"):
        found.append(("from encoded", encoded))
    found.append(("from mailboxes", bucket(count)))
    if mailbox is not None:
        local = mailbox.local[:100]
        found.append(("from local length", bucket(len(local))))
        if digits := _digits(local):
            found.append(("from local digits", bucket(digits)))
        found.append(("from name length", bucket(len(mailbox.display))))
    return found


def _name(mailbox: Mailbox | None, domain: str) -> list[Word]:
    """How the display name agrees with the address: brands do, borrowed names do not."""
    name = mailbox.display[:200].lower() if mailbox else ""
    local = mailbox.local[:100].lower() if mailbox else ""
    words = _NAME_WORDS.findall(name)
    plain = domain.replace("-", "")
    in_domain = [word for word in words if len(word) > 3 and word in plain]
    in_local = [word for word in words if word in local]
    return [
        ("name in domain", bool(in_domain)),
        ("name joined in domain", bool(words) and "".join(words)[:8] in plain),
        ("name in local", bool(in_local)),
        ("name empty", not name),
        ("name words", bucket(len(words))),
        ("local in domain", len(local) > 3 and local in domain),
    ]


def _subject(subject: str) -> list[Word]:
    size = len(subject)
    end = subject[-1:]
    found: list[Word] = [
        ("subject length", bucket(size)),
        ("subject words", bucket(len(subject.split()))),
        ("subject end", end if end in {"!", "?", ".", ":"} else "x"),
    ]
    if capitals := 10 * _capitals(subject) // max(1, size):
        found.append(("subject capitals", capitals))
    counts = [(mark, subject.count(mark)) for mark in "!$?"]
    found += [("subject", mark, bucket(count)) for mark, count in counts if count]
    is_ascii = subject.isascii()
    if digits := _digits(subject) if is_ascii else sum(map(str.isdigit, subject)):
        found.append(("subject digits", bucket(digits)))
    if not is_ascii:
        found.append(("subject foreign", bucket(sum([c > chr(127) for c in subject]))))
        if emoji := sum([c >= "\U0001f000" for c in subject]):
            found.append(("subject emoji", bucket(emoji)))
    start = subject[:4].lower()
    if start.startswith("re:"):
        found.append(("subject re",))
    elif start.startswith(("fwd:", "fw:")):
        found.append(("subject fwd",))
    return found


def _capitals(text: str) -> int:
    if not text.isascii():
        return sum(map(str.isupper, text))
    return len(text) - len(text.encode().translate(None, _LETTERS.upper()))


def _identity(read: Source, author: str) -> list[Word]:
    """How the domains of the header agree with the author's."""
    message = read.message
    header = message.header
    own = site_of(author)
    replied = "absent"
    if "reply-to" in header:
        reply = message.addresses("reply-to").mailboxes
        replied = "same" if reply and site_of(reply[0].domain) == own else "other"
    identity = header.value("message-id")[:300]
    domain = identity.strip(" <>").rpartition("@")[2].lower()
    signatures = header.all("dkim-signature")
    to = header.value("to")[:200].lower()
    people = message.addresses("to").mailboxes
    return [
        ("reply-to", replied),
        ("message-id", domain == author if identity.strip(" <>") else "none", "." in domain),
        ("message-id site", bool(domain) and site_of(domain) == own),
        ("signatures", min(len(signatures), 4)),
        ("signature", _signed(signatures[:4], own)),
        ("unsubscribe", "list-unsubscribe" in header, "list-unsubscribe-post" in header),
        ("to", "absent" if not to else "undisclosed" if "undisclosed" in to else "given"),
        ("to count", bucket(len(people)), bool(people and people[0].display)),
        *([("cc",)] if "cc" in header else ()),
        ("fields", bucket(len(read.fields))),
        *_message_id(identity.strip()),
    ]


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


def _message_id(text: str) -> list[Word]:
    """The make of the Message-ID: programs have their own, senders of bulk invent theirs."""
    left, _, right = text.strip("<>").rpartition("@")
    classes = left.encode("utf-8", "replace").translate(_CLASSES).decode()
    marks = sorted(set(classes).difference("xX9"))
    runs = [mark for mark, _ in groupby(classes)]
    return [
        ("id brackets", text.startswith("<"), text.endswith(">")),
        ("id length", len(left) // 4),
        ("id marks", "".join(marks)[:8]),
        (
            "id case",
            left != left.lower(),
            "digits",
            10 * classes.count("9") // max(1, len(left)),
        ),
        ("id labels", right.count(".")),
        ("id class", "".join(runs[:24])),
    ]


def _parts(read: Source) -> list[Word]:
    message = read.message
    parts = message.parts[:MAX_PARTS]
    found: list[Word] = [("parts", *[part.content_type[:40] for part in parts])]
    for part in parts:
        if not part.is_multipart:
            found.append(
                (
                    "part",
                    part.content_type[:40],
                    part.transfer_encoding[:20],
                    part.charset[:20],
                    part.disposition,
                )
            )
        if part.filename:
            found.append(("file", part.filename[-60:].rpartition(".")[2].lower()[:10]))
    size, longest = _body_sizes(message.body)
    found += [("body size", bucket(size)), ("longest line", bucket(longest))]
    if not message.html:
        return [*found, ("html none",), ("text length", bucket(len(message.text)))]
    visible = sum([len(html.visible) for html in message.html])
    length = sum([_without_returns(html.source) for html in message.html])
    return [
        *found,
        ("html length", bucket(length)),
        ("html visible", bucket(visible)),
        ("html ratio", 20 * visible // max(1, length)),
    ]


def _body_sizes(body: bytes) -> tuple[int, int]:
    """Bytes of the body, and of its longest line; carriage returns, which a transport adds, do not count."""
    top = body[:BODY_BYTES]
    plain = top.replace(b"\r", b"")
    returns = len(top) - len(plain) + body.count(b"\r", BODY_BYTES)
    return len(body) - returns, max(map(len, plain.split(b"\n")))


def _without_returns(text: str) -> int:
    return len(text) - text.count("\r") if "\r" in text else len(text)


def _links(read: Source, author: str) -> list[Word]:
    links = read.links
    site = {host: site_of(host) for host in {link.host for link in links}}
    site.pop("", None)
    sites = set(site.values())
    own = site_of(author)
    web = [link for link in links if link.host and link.is_web]
    schemes = [link.scheme for link in web]
    plain, secure = schemes.count("http"), schemes.count("https")
    images = {link.host for link in web if link.origin == "image"}
    anchors = {link.host for link in web if link.origin == "html"}
    both = bool(images) and {site[h] for h in images} == {site[h] for h in anchors}
    share = [site[link.host] for link in web].count(own)
    found: list[Word] = [
        ("links", bucket(len(links))),
        ("link sites", bucket(len(sites))),
        *([("link own", own in sites, sites == {own})] if sites else ()),
        ("link schemes", bool(plain), bool(secure)),
        *([("link http", bucket(plain))] if plain else ()),
        *([("link https", bucket(secure))] if secure else ()),
        ("image hosts", bucket(len(images))),
        ("anchor hosts", bucket(len(anchors))),
        ("images from anchors", both),
        ("link own share", 10 * share // max(1, len(web))),
    ]
    for link in web[:WEB_LINKS]:
        path, origin = link.path, link.origin
        found += (
            ("path", origin, path.count("/"), bucket(len(path)), bucket(len(link.query))),
            _host(origin, link.host),
        )
    return found


@lru_cache(maxsize=512)
def _host(origin: str, host: str) -> Word:
    """The make of a link's host; many links of a message name the same."""
    return ("host", origin, host.count("."), host.rpartition(".")[2])

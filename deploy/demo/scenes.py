"""scenes - the messages of the demo, what is expected of each, and the world they come from.

Owns:   SCENES, SETTINGS, zone. Names and addresses are those reserved for examples (RFC 2606, RFC 5737).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate, make_msgid
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from deploy.demo.sink import Delivery

DELAY = 3.0  # seconds of greylisting in the demo; 90 otherwise
HELD = 2.0  # seconds that a tarpitted message is held in all; 20 otherwise
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
LIST = "lists.example.org"
BANK = "bank.example.com"
SHOP = "shop.example.org"
STRANGER = "stranger.example.edu"
BLOCKLIST = "zen.spamhaus.org"  # answered by the demo's own zone, like everything
LISTED = "203.0.113.66"

SETTINGS: Mapping[str, object] = {
    "authserv_id": "mx.example.net",
    "log.format": "json",
    "milter.workers": 2,
    "checks.greylist.delay": DELAY,
    "checks.tarpit.total": HELD,
}


@dataclass(frozen=True, slots=True)
class Result:
    """Every trace that one message left."""

    reply: str
    seconds: float  # from the first command to the last reply
    verdict: Mapping[str, object]  # its line of the log
    delivery: Delivery | None

    @property
    def code(self) -> str:
        return self.reply[:3]

    @property
    def points(self) -> Mapping[str, float]:
        """Every symbol of the verdict with what it counted."""
        rules = self.verdict.get("rules")
        return dict(rules) if isinstance(rules, list | dict) else {}

    @property
    def results(self) -> str:
        """The Authentication-Results field that we added."""
        return next(
            iter(self.delivery.fields("Authentication-Results") if self.delivery else ()), ""
        )

    @property
    def status(self) -> str:
        """The X-Spam-Status field that we added."""
        return next(iter(self.delivery.fields("X-Spam-Status") if self.delivery else ()), "")


Expectation = Callable[[Result], bool]


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a message comes from."""

    client: str
    name: str  # as the MTA verified it; XCLIENT says [UNAVAILABLE] for none
    reverse_path: str
    helo: str
    login: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One message: who sends it, and what ought to become of it."""

    title: str
    sender: Sender
    content: Callable[[], bytes]
    expects: Mapping[str, Expectation]
    recipients: tuple[str, ...] = ("user@example.net",)
    wait: float = 0.0  # seconds before it is sent
    learn: tuple[str, Sequence[bytes]] | None = None  # what is learned before it is sent

    def complaint(self, result: Result) -> str:
        """What is not as expected, or nothing."""
        missed = [what for what, is_met in self.expects.items() if not is_met(result)]
        return f"expected: {'; '.join(missed)}" if missed else ""


def code(wanted: str) -> Mapping[str, Expectation]:
    """The reply's code is that one."""
    return {f"reply {wanted}": lambda result: result.code == wanted}


def says(words: str) -> Mapping[str, Expectation]:
    """Authentication-Results contains these words."""
    return {words: lambda result: words in result.results}


def hit(symbol: str, least: float = -100.0, most: float = 100.0) -> Mapping[str, Expectation]:
    """The verdict names that symbol, with points in that range."""
    return {symbol: lambda result: least <= result.points.get(symbol, 999.0) <= most}


def by(symbol: str) -> Mapping[str, Expectation]:
    """That symbol decided."""
    return {f"by {symbol}": lambda result: result.verdict.get("by") == symbol}


def mail(
    subject: str,
    body: str,
    *,
    author: str = f"Alice Example <alice@{LIST}>",
    to: str = "user@example.net",
    fields: Sequence[str] = (),
) -> bytes:
    """A well-formed message of now."""
    lines = (
        *fields,
        f"From: {author}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: {formatdate(localtime=False, usegmt=False)}",
        f"Message-ID: {make_msgid(domain=author.rpartition('@')[2].rstrip('>'))}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
    )
    text = body.strip().replace("\n", "\r\n")
    return ("\r\n".join(lines) + "\r\n\r\n" + text + "\r\n").encode()


@cache
def key() -> rsa.RSAPrivateKey:
    """The demo's own DKIM key, made anew each time."""
    return rsa.generate_private_key(65537, 2048)


def signed(content: bytes, domain: str) -> bytes:
    """The message with a DKIM signature of that domain on top."""
    pem = key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    signature: bytes = dkim.sign(
        content,
        b"demo",
        domain.encode(),
        pem,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[b"from", b"to", b"subject", b"date", b"message-id"],
    )
    return signature + content


def zone() -> str:
    """All the DNS there is in the demo."""
    public = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    reversed_listed = ".".join(reversed(LISTED.split(".")))
    lines = [f'demo._domainkey.{domain}. TXT "{record}"' for domain in (LIST, SHOP)]
    hosts = {LIST: "198.51.100.10", SHOP: "198.51.100.20", BANK: "198.51.100.30"}
    for domain, address in hosts.items():
        last = address.rpartition(".")[2]
        lines += [
            f"{domain}. MX 10 mail.{domain}.",
            f'{domain}. TXT "v=spf1 ip4:{address} -all"',
            f"mail.{domain}. A {address}",
            f"{last}.100.51.198.in-addr.arpa. PTR mail.{domain}.",
            f'_dmarc.{domain}. TXT "v=DMARC1; p=reject"',
        ]
    lines += [
        f'{STRANGER}. TXT "v=spf1 ip4:203.0.113.99 ~all"',
        f"{STRANGER}. MX 10 mail.{STRANGER}.",
        f"mail.{STRANGER}. A 203.0.113.10",
        f"10.113.0.203.in-addr.arpa. PTR mail.{STRANGER}.",
        # RFC 5782 5: an address list lists 127.0.0.2 and does not list 127.0.0.1
        f"2.0.0.127.{BLOCKLIST}. A 127.0.0.2",
        f"{reversed_listed}.{BLOCKLIST}. A 127.0.0.3",
        f"{reversed_listed}.{BLOCKLIST}. A 127.0.0.4",
    ]
    return "\n".join(lines) + "\n"


def digest() -> bytes:
    """What a mailing list sends to those who asked for it."""
    body = """
The meeting of the documentation group moves to Thursday at ten.
Minutes of the last one are in the usual place; please read section 3
before, it has changed since the draft that Bob sent in October.
"""
    fields = (
        f"List-Id: Documentation <docs.{LIST}>",
        f"List-Unsubscribe: <mailto:leave@{LIST}>",
        "Precedence: list",
    )
    return signed(mail("[docs] Meeting on Thursday", body, fields=fields), LIST)


def offer(number: int = 0) -> bytes:
    """The kind of mail that a user calls spam, in slight variations."""
    openings = ("Hi", "Dear friend", "Good day", "Hello", "Greetings")
    body = f"""
{openings[number % 5]}, your warehouse pallets are ready: overstock lot {number + 4711} of premium kitchen
blenders leaves our liquidation depot this week. Reply with your pallet quantity and the liquidation
manager reserves the overstock lot before other traders do. Pallet prices never were lower.
"""
    return mail(
        f"Overstock pallets, liquidation lot {number + 4711}",
        body,
        author=f"Depot Liquidation <depot@{SHOP}>",
    )


def invoice(number: int = 0) -> bytes:
    """The kind of mail that a user wants, in slight variations."""
    body = f"""
Thank you for your order {20260 + number}. The ceramic glaze samples and the kiln thermocouple left our
workshop this morning; your studio account shows the invoice and the parcel number. Should a glaze jar
arrive cracked, the workshop replaces it. Kind regards from the pottery, order desk.
"""
    return mail(
        f"Your pottery order {20260 + number} has left the workshop",
        body,
        author=f"Pottery order desk <orders@{SHOP}>",
    )


def bomb() -> bytes:
    """Two hundred multiparts in one another, each with parts that never end."""
    opened = "".join(
        f'Content-Type: multipart/mixed; boundary="b{depth}"\r\n\r\n' + f"--b{depth}\r\n" * 20
        for depth in range(200)
    )
    head = mail("nested", "").partition(b"MIME-Version")[0]
    return head + b"MIME-Version: 1.0\r\n" + opened.encode() + b"\r\nend\r\n"


def forged_results() -> bytes:
    """Claims of our own results, made by the sender."""
    fields = (
        f"Authentication-Results: mx.example.net; dmarc=pass header.from={BANK}",
        "X-Spam-Status: No, score=-99.0",
    )
    return signed(mail("Please believe me", "All of my results are fine.", fields=fields), LIST)


def is_on_top(result: Result) -> bool:
    return result.delivery is not None and result.delivery.content.startswith(
        b"Authentication-Results: mx.example.net;"
    )


def is_busy() -> bool:
    """True where the tarpit holds nobody, because the machine has enough to do (checks.tarpit)."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


LIST_HOST = Sender("198.51.100.10", f"mail.{LIST}", f"bounces@{LIST}", f"mail.{LIST}")
SHOP_HOST = Sender("198.51.100.20", f"mail.{SHOP}", f"orders@{SHOP}", f"mail.{SHOP}")
STRANGER_HOST = Sender(
    "203.0.113.10", f"mail.{STRANGER}", f"news@{STRANGER}", f"mail.{STRANGER}"
)
TESTER_HOST = Sender("192.0.2.10", "[UNAVAILABLE]", f"tester@{LIST}", f"test.{LIST}")
LISTED_HOST = Sender(LISTED, "[UNAVAILABLE]", f"win@{STRANGER}", f"mail.{STRANGER}")
CUSTOMER = Sender(LISTED, "[UNAVAILABLE]", "user@example.net", "laptop", login="user")


def hello() -> bytes:
    body = "We met at the conference; here are the slides that I promised to send."
    return mail("Slides", body, author=f"News <news@{STRANGER}>")


SCENES: Sequence[Scene] = (
    Scene(
        "Clean mailing list, signed and aligned",
        LIST_HOST,
        digest,
        {**code("250"), **says("spf=pass"), **says("dkim=pass"), **says("dmarc=pass")},
    ),
    Scene(
        "Its next message claims results of its own",
        LIST_HOST,
        forged_results,
        {
            **code("250"),
            "our field on top, theirs gone": lambda result: (
                is_on_top(result) and BANK not in result.results and "-99" not in result.status
            ),
        },
    ),
    Scene(
        "GTUBE, the test string",
        TESTER_HOST,
        lambda: signed(mail("Test", GTUBE), LIST),
        {**code("550"), **hit("GTUBE")},
        recipients=("postmaster@example.net",),  # who is never greylisted
    ),
    Scene(
        "A bank's address, forged (its policy: p=reject)",
        STRANGER_HOST,
        lambda: mail(
            "Your account", "Please confirm your details.", author=f"Bank <service@{BANK}>"
        ),
        {**code("550"), **by("DMARC_FAIL_REJECT")},
        recipients=("postmaster@example.net",),
    ),
    Scene(
        "A stranger's first message: greylisted",
        STRANGER_HOST,
        hello,
        {**code("451"), **by("GREYLIST_DEFERRED")},
    ),
    Scene(
        "The stranger again, at once: still greylisted",
        STRANGER_HOST,
        hello,
        {**code("451"), **by("GREYLIST_DEFERRED")},
    ),
    Scene(
        f"The stranger's retry, {DELAY:g} s later: passes",
        STRANGER_HOST,
        hello,
        {**code("250"), **hit("GREYLIST_PASSED")},
        wait=DELAY + 0.5,
    ),
    Scene(
        "A client on a DNS list: greylisted too",
        LISTED_HOST,
        hello,
        {**code("451"), **by("GREYLIST_DEFERRED"), **hit("DNSBL_SPAMHAUS_XBL", least=1.0)},
    ),
    Scene(
        "The same, to an address that never waits: tarpitted, tagged",
        LISTED_HOST,
        hello,
        {
            **hit("DNSBL_SPAMHAUS_XBL", least=1.0),
            **hit("TARPIT"),
            "held for a second or more": lambda result: result.seconds >= 1.0 or is_busy(),
        },
        recipients=("postmaster@example.net",),
    ),
    Scene(
        "A customer at that address, logged in: no list asked",
        CUSTOMER,
        lambda: mail("Lunch?", "At noon?", author="user@example.net", to="friend@example.org"),
        {**code("250"), "profile=authenticated": lambda r: "authenticated" in r.status},
        recipients=("friend@example.org",),
    ),
    Scene(
        "An offer, before anybody called such mail spam",
        SHOP_HOST,
        offer,
        {**code("250"), "untagged": lambda result: result.status.startswith("No,")},
    ),
    Scene(
        "An order, after five such were learned as ham",
        SHOP_HOST,
        lambda: invoice(9),
        {**code("250"), **hit("CLASSIFIER_HAM", most=-1.0)},
        learn=("ham", [invoice(number) for number in range(1, 6)]),
    ),
    Scene(
        "The next one, after five were learned as spam",
        SHOP_HOST,
        lambda: offer(9),
        {
            **code("250"),
            **hit("CLASSIFIER_SPAM", least=1.9),
        },  # 2.0 is the most without local ham
        learn=("spam", [offer(number) for number in range(1, 6)]),
    ),
    Scene(
        "A MIME bomb: 200 levels, 4,000 parts",
        LIST_HOST,
        bomb,
        {
            "answered within 5 s": lambda r: r.seconds < 5,
            "marked": lambda r: "marks" in r.verdict,
        },
    ),
)

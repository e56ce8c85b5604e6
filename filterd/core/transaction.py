"""transaction - the facts of one SMTP session and one mail transaction, growing stage by stage.

Owns:   Session, Envelope, Transaction (RFC 5321 3.3; HOUSE vocabulary).
Rules of this file: checks see a transaction as read-only and return evidence; only the conversation
        appends. Facts, derived values and results are kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.mail.authres import AuthResult
from filterd.mail.header import Header
from filterd.mail.message import Message

Address = IPv4Address | IPv6Address


def client_address(text: str) -> Address | None:
    """The IP of that text, IPv4-mapped IPv6 as IPv4; None for a socket path or "unknown".

    The zone index of a link-local client (fe80::1%eth0) names an interface of this machine: it is
    no part of the address, and an address that has one has no name in the DNS.
    """
    try:
        address = ip_address(text.removeprefix("IPv6:").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@dataclass(frozen=True, slots=True)
class Session:
    """What the MTA knows of the client."""

    client: Address | None = None  # None: a local submission (unix socket, sendmail command)
    client_name: str = ""  # rDNS as the MTA verified it, "" when unknown
    helo: str = ""
    tls: str = ""  # protocol version, "" without TLS
    auth_user: str = ""  # {auth_authen}, known from MAIL on
    auth_type: str = ""
    daemon_name: str = ""  # {daemon_name}
    daemon_port: str = ""  # {daemon_port}
    mta_name: str = ""  # {j}
    is_local: bool = False  # client in `local_networks`, or no client address at all
    macros: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_authenticated(self) -> bool:
        return bool(self.auth_user)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Reverse-path and recipients without angle brackets; "" is the null reverse-path."""

    reverse_path: str = ""
    recipients: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)  # ESMTP, upper-case keys
    queue_id: str = ""

    def to(self, recipient: str) -> Envelope:
        """This envelope with one more recipient."""
        recipients = (*self.recipients, recipient)
        return Envelope(self.reverse_path, recipients, self.parameters, self.queue_id)

    @property
    def domain(self) -> str:
        """The reverse-path's domain, lower case, "" for the null reverse-path."""
        return self.reverse_path.rpartition("@")[2].lower() if "@" in self.reverse_path else ""


EMPTY_MESSAGE = Message(Header(()), b"")


@lru_cache(maxsize=256)
def _patterns(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Whole symbols, and beginnings of symbols."""
    return frozenset(patterns), tuple(p[:-1] for p in patterns if p.endswith("*"))


@dataclass(slots=True)
class Transaction:
    """The one mutable object of a scan.

    `stage` is the stage being judged; `recipient` the RCPT being asked at that stage, "" else.
    `message` is empty before EOM.
    """

    session: Session
    envelope: Envelope = field(default_factory=Envelope)
    message: Message = EMPTY_MESSAGE
    stage: Stage = Stage.CONNECT
    recipient: str = ""
    profile: str = "default"
    why_id: str = ""
    arrived: float = 0.0  # wall clock at MAIL, seconds since the epoch
    deadline: float = float("inf")  # monotonic
    evidence: list[Evidence] = field(default_factory=list)

    def auth(self, method: str) -> tuple[AuthResult, ...]:
        """The results of that method so far."""
        return tuple(
            [e for e in self.evidence if isinstance(e, AuthResult) and e.method == method]
        )

    def hit(self, symbol: str) -> Hit | None:
        """The first hit of that symbol so far, or None."""
        for item in self.evidence:
            if isinstance(item, Hit) and item.symbol == symbol:
                return item
        return None

    def has_hit(self, patterns: Sequence[str]) -> bool:
        """True if a symbol so far is one of these; "DNSWL_*" stands for all that begin so."""
        exact, stems = _patterns(tuple(patterns))
        for item in self.evidence:
            if isinstance(item, Hit):
                symbol = item.symbol
                if symbol in exact or symbol.startswith(stems):
                    return True
        return False

    @property
    def hits(self) -> tuple[Hit, ...]:
        return tuple(e for e in self.evidence if isinstance(e, Hit))

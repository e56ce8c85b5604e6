"""keys - every key of the shared state is made here.

Owns:   the names of clients, deliveries, buckets, correspondents and traps; the plain form of a
        reverse-path (VERP, BATV, SRS and per-message tokens taken out); sealing (hashing) of keys.
Rules of this file: a key never depends on the store that keeps it, so state can be moved. Its length
        is bounded whatever a sender writes.
RFC 6647 3 (what to key on), RFC 5321 4.5.5 (null reverse-path).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from socket import inet_ntoa

MAX_KEY = 240  # characters kept readable; longer keys are sealed (an address may have 320)
MAX_LOCAL = 128  # characters of a local part looked at; RFC 5321 4.5.3.1.1 allows 64
_SEALED = re.compile(r"~[0-9a-f]{32}\Z")

_BATV = re.compile(r"(?:prvs=[0-9a-f]{10}=|prvs=(?=[^=]{1,64}/)|btv1==[^=]{1,40}==)")
_BATV_TAIL = re.compile(r"prvs=([^=/]{1,64})/[0-9a-f]{10}\Z")
_SRS0 = re.compile(r"srs0[-+=][^=]{1,32}=[^=]{1,8}=([^=]{1,255})=(.{1,64})\Z")
_SRS1 = re.compile(
    r"srs1[-+=][^=]{1,32}=([^=]{1,255})=[-+=]?[^=]{1,32}=[^=]{1,8}=([^=]{1,255})=(.{1,64})\Z"
)
_TOKENS = re.compile(r"([^-._=/]+)")
_DIGITS = re.compile(r"[0-9]")
_SERIAL = re.compile(r"[0-9#]")  # without one of these nothing is a serial
_RUN = re.compile(r"#(?:[-._=/]{1,4}#)+")
_EMBEDDED = re.compile(r"[-=+_.][^=@]{1,64}=[a-z0-9.-]{1,255}\.[a-z0-9-]{2,63}\Z")


def client_network(
    client: IPv4Address | IPv6Address | None, ipv4_prefix: int = 24, ipv6_prefix: int = 64
) -> str:
    """The network that stands for the client; "local" where there is no address."""
    if client is None:
        return "local"
    if isinstance(client, IPv4Address):
        shift = 32 - ipv4_prefix
        network = int(client) >> shift << shift
        return f"{inet_ntoa(network.to_bytes(4, 'big'))}/{ipv4_prefix}"
    return _ipv6_network(client, ipv6_prefix)


@lru_cache(maxsize=4096)  # three checks ask at several stages; ipaddress takes 8 us
def _ipv6_network(client: IPv6Address, prefix: int) -> str:
    return str(IPv6Network((int(client), prefix), strict=False))


def client_domain(domain: str) -> str:
    """The authenticated domain that stands for the client, whatever its address."""
    return "@" + domain.rstrip(".").lower()


@lru_cache(maxsize=256)
def plain_path(path: str) -> str:
    """The reverse-path without what changes from message to message; "" stays "" (null).

    `prvs=0123456789=ann@a.example`       -> ann@a.example
    `srs0=HHH=TT=a.example=ann@fwd.example`-> srs0=a.example=ann@fwd.example
    `list-bounces+bob=b.example@l.example`-> list-bounces@l.example
    `0100018c-1b2c3d4e-000000@ses.example`-> #@ses.example
    """
    local, at, domain = path.lower().rpartition("@")
    if not at:
        return local + domain
    local = local[:MAX_LOCAL]
    if "=" in local:  # in every tag and every rewritten address
        match = _BATV_TAIL.match(local)
        local = match.group(1) if match else _BATV.sub("", local, count=1)
        if (match := _SRS0.match(local)) is not None:
            return f"srs0={match.group(1)}={match.group(2)}@{domain}"
        if (match := _SRS1.match(local)) is not None:
            return f"srs1={match.group(2)}={match.group(3)}@{domain}"
    stem = local.partition("+")[0]
    if stem:  # "+tag@..." has no stem: leave it alone
        local = stem
    if "=" in local:
        local = _EMBEDDED.sub("", local) or local
    if _SERIAL.search(local) is not None:
        local = _RUN.sub("#", _TOKENS.sub(_plain_token, local))
    return f"{local}@{domain}"


def _plain_token(match: re.Match[str]) -> str:
    """A number, or letters and digits mixed at length, is a serial: "#"."""
    token = match.group(1)
    digits = len(_DIGITS.findall(token))
    if digits == len(token) or (len(token) >= 8 and digits >= 2):
        return "#"
    return token


def delivery(reverse_path: str, recipient: str) -> str:
    """What makes a triplet of a client: plain reverse-path and recipient."""
    return f"{plain_path(reverse_path)} {recipient.lower()}"


def rate(what: str, who: str) -> str:
    """One bucket: `what` is limited ("client", "user", "domain", "recipient"), `who` is it."""
    return f"{what} {who.lower()}"


def pair(local: str, remote: str) -> str:
    """Two addresses that write to each other; hashed, who writes to whom is nobody's business."""
    text = f"{local.lower()} {plain_path(remote)}"
    return "p" + hashlib.blake2b(_bytes(text), digest_size=12).hexdigest()


def message_id(text: str) -> str:
    """A Message-ID that we sent, hashed; angle brackets and white space do not matter."""
    text = text.strip().strip("<>").strip()
    return "m" + hashlib.blake2b(_bytes(text), digest_size=12).hexdigest()


def trap(client: IPv4Address | IPv6Address | None) -> str:
    """A client that wrote to a trap: the IPv4 address, the IPv6 /64."""
    return client_network(client, 32, 64)


def _bytes(text: str) -> bytes:
    """The text's bytes; raw bytes of an envelope arrive as surrogates."""
    return text.encode("utf-8", "surrogatepass")


class Seal:
    """Makes long keys short, and all keys unreadable where the admin wants that (`hashed`).

    The secret makes guessing useless for who reads the store; machines that share it must share it.
    """

    __slots__ = ("_is_hashed", "_secret")

    def __init__(self, *, is_hashed: bool = False, secret: bytes = b"") -> None:
        self._is_hashed = is_hashed
        self._secret = hashlib.blake2b(secret, digest_size=32).digest() if secret else b""

    def triplets(self, client: str, deliveries: Iterable[str]) -> list[str]:
        """Triplets as they are stored; the client stays recognisable as the first word."""
        first = self(client)
        return [f"{first} {self(delivery)}" for delivery in deliveries]

    def parts(self, triplet: str) -> str:
        """A stored triplet sealed part by part (import of what was not hashed)."""
        client, _, delivery = triplet.partition(" ")
        return f"{self(client)} {self(delivery)}"

    def __call__(self, key: str) -> str:
        """The key as it is stored; a sealed key stays as it is (import of an export)."""
        if key[:1] == "~" and _SEALED.match(key):
            return key
        if not self._is_hashed and len(key) <= MAX_KEY and key.isprintable():
            return key
        digest = hashlib.blake2b(_bytes(key), digest_size=16, key=self._secret)
        return "~" + digest.hexdigest()

"""stores - shared state in domain words; memory, SQLite and Redis implement these protocols.

Owns:   GreylistStore, RateStore, CorrespondentStore, TrapStore and their values.
Rules of this file: no Redis word, no SQL word, no key format. One call is one round trip and is
        atomic across workers and machines. Every method may raise StoreUnavailable, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Greylisted:
    """What the store knows of a key after this attempt; times in seconds since the epoch."""

    first_seen: float
    attempts: int  # this one included; 1 = first
    passed: int  # deliveries that went through for this key's network or domain (auto-allow)
    is_known: bool  # the key had passed before and has not expired


class GreylistStore(Protocol):
    """Triplets (RFC 6647). `key` and `client_key` are opaque, made in one function."""

    def attempt(
        self, key: str, client_key: str, now: float, delay: float, window: float, expiry: float
    ) -> Greylisted:
        """Record one attempt atomically and return what is known; never two "first" for one key.

        `delay` seconds must pass after the first attempt, the retry must come within `window`;
        a key that passed is kept `expiry` seconds after its last use.
        """
        ...

    def passed(self, client_key: str, now: float, expiry: float) -> int:
        """Count one pass for the client network or domain and return the new count."""
        ...


@dataclass(frozen=True, slots=True)
class Bucket:
    """One leaky bucket to charge: it leaks `limit` per `period` seconds, holds `burst`."""

    key: str
    limit: float
    period: float
    burst: float


class RateStore(Protocol):
    """Leaky buckets, exact across workers and machines."""

    def charge(self, buckets: Sequence[Bucket], cost: float, now: float) -> Sequence[float]:
        """Add `cost` to each bucket and return each level after it, in units of messages.

        A level above the bucket's `burst` means over the limit; the charge is then not kept.
        """
        ...

    def refund(self, buckets: Sequence[Bucket], cost: float, now: float) -> None:
        """Take a charge back (a greylisted try never burns the budget)."""
        ...


class CorrespondentStore(Protocol):
    """Hashed (local address, remote address) pairs and Message-IDs of our own mail; they decay."""

    def sent(self, pairs: Sequence[str], message_id: str, now: float) -> None: ...

    def known(self, pairs: Sequence[str], message_ids: Sequence[str], now: float) -> float:
        """Return a weight in 0..1: how well known the strongest of these is, by age."""
        ...


class TrapStore(Protocol):
    """Clients that wrote to a spamtrap lately."""

    def spring(self, client_key: str, now: float, seconds: float) -> None: ...

    def is_trapped(self, client_key: str, now: float) -> bool: ...

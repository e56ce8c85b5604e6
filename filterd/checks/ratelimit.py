"""ratelimit - leaky buckets by client network, authenticated user, sender domain and recipient.

Owns:   symbols RATE_HIGH, RATE_LIMITED; what is limited, the reply, the delay before it.
Asks:   the rate store: one call for each accepted recipient; what its buckets hold is announced.
Not here: the arithmetic and its exactness between workers and machines (store).

Rules of this file:
1. One recipient is one message. What is turned away at RCPT is not charged, and what a greylist turns
   away at end-of-message is given back: a deferred try never burns the budget (runs after greylist).
2. Above `slow_from` of a full bucket the answer is held, longer as it fills; above full the recipient
   is deferred, and that costs nothing either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Delay, Evidence, Hit, Proposal
from filterd.core.settings import Duration
from filterd.core.settings import Settings as Table
from filterd.core.stage import Stage
from filterd.core.stores import Bucket, Fact
from filterd.core.transaction import Transaction
from filterd.core.verdict import Action, Reply
from filterd.store import keys

HIGH = "RATE_HIGH"
LIMITED = "RATE_LIMITED"


class Limit(Table):
    """One limit: `messages` in each `period`, `burst` of them at once."""

    messages: float = Field(
        default=0, ge=0, description="How many in each period; 0 switches the limit off."
    )
    period: Duration = Field(default=3600.0, ge=1, description="The period.")
    burst: float = Field(
        default=0, ge=0, description="How many may come at once; 0: as many as `messages`."
    )

    def bucket(self, key: str) -> Bucket:
        return Bucket(key, self.messages, self.period, self.burst or self.messages)


class Settings(CheckSettings):
    """Limits; one recipient counts as one message."""

    client: Limit = Field(
        default=Limit(),
        description="For each client network (not for authenticated or local clients).",
    )
    user: Limit = Field(
        default=Limit(messages=500, burst=250),
        description="For each authenticated user: a stolen password sends thousands.",
    )
    domain: Limit = Field(
        default=Limit(), description="For each domain of the reverse-path, from outside."
    )
    recipient: Limit = Field(
        default=Limit(messages=1000, burst=500),
        description="For each recipient, from outside: a mail bomb.",
    )
    slow_from: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Part of a full bucket from which answers are held.",
    )
    delay: Duration = Field(
        default=5.0, le=20, description="How long an answer is held when the bucket is full."
    )
    ipv4_prefix: int = Field(default=24, ge=8, le=32, description="Size of an IPv4 network.")
    ipv6_prefix: int = Field(default=64, ge=16, le=128, description="Size of an IPv6 network.")
    exempt: tuple[str, ...] = Field(
        default=("ALLOW_CLIENT", "ALLOW_SENDER", "CORRESPONDENT_KNOWN", "CORRESPONDENT_REPLY"),
        description="Symbols of clients and senders without limits; * at the end stands for anything.",
    )


def facts(tx: Transaction, settings: Settings) -> Iterable[Fact]:
    """At RCPT: how full the buckets are that this recipient's message goes into."""
    if not tx.has_hit(settings.exempt):
        for bucket in _buckets(tx, settings, tx.recipient):
            yield ("bucket", bucket.key)


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """At RCPT: charge this recipient. At EOM: give everything back if the message is greylisted."""
    store = services.rates
    if store is None:
        return
    proposed = [e.action for e in tx.evidence if isinstance(e, Proposal)]
    if tx.stage is Stage.EOM:
        if Action.GREYLIST in proposed and not tx.has_hit(settings.exempt):
            now = services.clock.now()
            for recipient in tx.envelope.recipients:
                store.refund(_buckets(tx, settings, recipient), 1, now)
        return
    if Action.GREYLIST in proposed or Action.REJECT in proposed or tx.has_hit(settings.exempt):
        return
    buckets = _buckets(tx, settings, tx.recipient)
    if not buckets:
        return
    levels = store.charge(buckets, 1, services.clock.now())
    shares = [level / bucket.burst for level, bucket in zip(levels, buckets, strict=True)]
    full = max(shares)
    if full <= settings.slow_from:
        return
    fullest = shares.index(full)
    bucket, level = buckets[fullest], levels[fullest]
    detail = f"{bucket.key}: {level:.0f} of {bucket.burst:g}, {bucket.limit:g} in {bucket.period:g} s"
    held = settings.delay * min(1.0, (full - settings.slow_from) / (1.001 - settings.slow_from))
    if tx.hit(HIGH) is None:
        yield Hit(HIGH, detail, round(min(full, 2.0), 2))
    if held > 0:
        yield Delay(round(held, 2), HIGH, detail)
    if full > 1:
        what = bucket.key.partition(" ")[0]
        wait = max(1, round((level - bucket.burst) * bucket.period / bucket.limit))
        yield Proposal(
            Action.TEMPFAIL,
            LIMITED,
            Reply(450, "4.7.1", f"Too many messages ({what}), come back in {wait} seconds"),
            detail,
        )


def _buckets(tx: Transaction, settings: Settings, recipient: str) -> Sequence[Bucket]:
    """The buckets that one message to this recipient fills."""
    session = tx.session
    found: list[Bucket] = []
    if session.is_authenticated:
        if settings.user.messages:
            found.append(settings.user.bucket(keys.rate("user", session.auth_user)))
    elif not session.is_local:
        if settings.client.messages:
            network = keys.client_network(
                session.client, settings.ipv4_prefix, settings.ipv6_prefix
            )
            found.append(settings.client.bucket(keys.rate("client", network)))
        if settings.domain.messages and (domain := tx.envelope.domain):
            found.append(settings.domain.bucket(keys.rate("domain", domain)))
        if settings.recipient.messages:
            found.append(settings.recipient.bucket(keys.rate("recipient", recipient)))
    return found


CHECK = Check(
    name="ratelimit",
    stage=Stage.RCPT,
    facts=facts,
    run=run,
    settings=Settings,
    symbols=(HIGH, LIMITED),
    after=("greylist", "*"),
    runs=frozenset({Stage.RCPT, Stage.EOM}),
)

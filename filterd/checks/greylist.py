"""greylist - ask a stranger who looks suspicious to come back in a minute and a half (RFC 6647).

Owns:   symbols GREYLIST_*; when to ask at all, what a delivery is keyed on, the reply, X-Greylist.
Asks:   the greylist store, one call for each recipient (RCPT) or one for the message (EOM).
Not here: the rules of time and passes (store.triplet), the report (frontends.cli.greylist).

Rules of this file:
1. Who proved a domain (SPF on the reverse-path, DMARC, aligned DKIM) is keyed on the domain, so pools
   of senders pass; everybody else on the network. A proven sender is judged at end-of-message, where
   its Subject can be read: login codes never wait.
2. One delivery waits once: what passed at RCPT is not asked again, neither for further recipients nor
   at end-of-message.
3. Never: authenticated or local clients, allow-listed ones, known correspondents, postmaster and abuse;
   nor what is refused for good, nor mail for a spamtrap.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit, Note, Proposal
from filterd.core.settings import Duration, Flag
from filterd.core.stage import Stage
from filterd.core.stores import Greylisted, Standing, Terms
from filterd.core.transaction import Transaction
from filterd.core.verdict import Action, Reply
from filterd.limits import LIMITS
from filterd.mail.domain import organizational
from filterd.store import keys

DEFERRED = "GREYLIST_DEFERRED"
PASSED = "GREYLIST_PASSED"
KNOWN = "GREYLIST_KNOWN"
SETTLED = (PASSED, KNOWN)

_WORD = re.compile(r"\w+")
MAX_KEYS = (
    20  # recipients of one message that are asked about: any one that passed speaks for all
)


class Settings(CheckSettings):
    """Whom to ask, when, and for how long what is known holds."""

    when: Literal["suspicious", "always"] = Field(
        default="suspicious",
        description="suspicious: only clients with one of the symbols of `suspicious`, or from a new"
        " network if `new_networks` is on. always: every unknown delivery.",
    )
    at: Literal["rcpt", "eom"] = Field(
        default="rcpt",
        description="rcpt: before the body is sent. eom: when the whole message scores `score` or more.",
    )
    score: float = Field(
        default=4.0,
        description="With at = eom and when = suspicious: the score from which a delivery is deferred.",
    )
    suspicious: tuple[str, ...] = Field(
        default=(
            "DNSBL_*",
            "DOMAINLIST_*",
            "HELO_*",
            "IPREV_*",
            "RDNS_*",
            "SENDER_*",
            "SPF_FAIL",
            "SPF_HELO_FAIL",
            "SPF_SOFTFAIL",
            "TRAP_*",
        ),
        description="Symbols of the early checks that make a client suspicious; * at the end stands"
        " for anything.",
    )
    exempt: tuple[str, ...] = Field(
        default=("ALLOW_*", "CORRESPONDENT_*", "DNSWL_*", "TRAP_RECIPIENT"),
        description="Symbols of what is never asked to wait: good clients and senders, and mail for a"
        " spamtrap, which one wants to see.",
    )
    new_networks: Flag = Field(
        default=False,
        description="Also ask clients whose network or domain has never passed, whatever they look like.",
    )
    delay: Duration = Field(
        default=90.0,
        ge=1,
        le=1800,  # AOL gave up after 31 minutes (Pagani et al. 2016)
        description="A retry after this long passes. 60 s catches the first retry of all large senders.",
    )
    window: Duration = Field(
        default=2 * 86400.0,
        ge=3600,
        description="A retry after this long counts as a first attempt.",
    )
    expiry: Duration = Field(
        default=35 * 86400.0,
        ge=7 * 86400,  # RFC 6647 5: at least one week
        description="What passed is remembered this long after its last use (a monthly mail returns).",
    )
    passes: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="A network or domain that passed so often is not asked any more; 0 is never.",
    )
    ipv4_prefix: int = Field(default=24, ge=8, le=32, description="Size of an IPv4 network.")
    ipv6_prefix: int = Field(default=64, ge=16, le=128, description="Size of an IPv6 network.")
    exempt_recipients: tuple[str, ...] = Field(
        default=("postmaster", "abuse"),
        description="Local parts, or whole addresses, that get their mail at once.",
    )
    time_critical: tuple[str, ...] = Field(
        default=(
            "code",
            "otp",
            "passcode",
            "password",
            "passwort",
            "login",
            "log-in",
            "sign-in",
            "signin",
            "verify",
            "verification",
            "confirm",
            "confirmation",
            "activate",
            "bestätigen",
            "bestätigung",
            "vérification",
            "verificación",
            "codice",
            "código",
        ),
        description="Words in the Subject or in the sender's local part that let a proven sender"
        " (SPF, DKIM or DMARC) through at once: who waits for a login code cannot wait.",
    )


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """At RCPT: may this recipient be written to now? At EOM: the same by content, and the note."""
    store = services.greylist
    if store is None or _is_exempt(tx, settings):
        return
    is_early = tx.stage is Stage.RCPT
    if is_early and (settings.at == "eom" or not _looks_suspicious(tx, settings)):
        return
    domain = _proven_domain(tx)
    if is_early:
        if domain:
            return
        recipients = _asked(tx, (tx.recipient,), settings)
        if recipients and any(tx.hit(symbol) for symbol in SETTLED):
            recipients = (*recipients, *tx.envelope.recipients[:1])
    else:
        settled = next((hit for s in SETTLED if (hit := tx.hit(s)) is not None), None)
        if settled is not None or not _is_due(tx, settings, services, domain):
            yield from _conclude(tx, services, settled)
            return
        recipients = _asked(tx, tx.envelope.recipients, settings)
    if not recipients or _is_refused(tx):
        return
    client = (
        keys.client_domain(domain)
        if domain
        else keys.client_network(tx.session.client, settings.ipv4_prefix, settings.ipv6_prefix)
    )
    deliveries = [keys.delivery(tx.envelope.reverse_path, r) for r in recipients]
    now = services.clock.now()
    standing = store.attempt(client, deliveries, now, _terms(tx, settings))
    yield from _told(standing, client, now, settings)
    if tx.stage is Stage.EOM and standing.standing is Standing.PASSED:
        yield from _conclude(tx, services, Hit(PASSED, _waited(now - standing.first_seen)))


def _told(seen: Greylisted, client: str, now: float, settings: Settings) -> Iterator[Evidence]:
    """What the store's answer means for this delivery."""
    match seen.standing:
        case Standing.FIRST | Standing.EARLY:
            wait = max(1, math.ceil(seen.first_seen + settings.delay - now))
            yield Proposal(
                Action.GREYLIST,
                DEFERRED,
                Reply(451, "4.7.1", f"Greylisted, please come back in {wait} seconds"),
                f"{client}, attempt {seen.attempts}",
            )
        case Standing.PASSED:
            yield Hit(PASSED, _waited(now - seen.first_seen))
        case Standing.KNOWN:
            yield Hit(KNOWN, client)
        case Standing.ALLOWED:
            yield Hit(KNOWN, f"{client} passed {seen.passes} times")


def _conclude(tx: Transaction, services: Services, settled: Hit | None) -> Iterator[Evidence]:
    """Say on the message that it waited, and in the ledger what its content was worth."""
    if settled is None or settled.symbol != PASSED or services.greylist is None:
        return
    seconds = int(settled.detail.split()[1])
    yield Note("X-Greylist", f"delayed {seconds} seconds by filterd")
    services.greylist.content(services.clock.now() - seconds, services.score(tx.evidence))


def _waited(seconds: float) -> str:
    return f"after {seconds:.0f} s"


def _terms(tx: Transaction, settings: Settings) -> Terms:
    """With `new_networks` alone, one pass is enough to be no stranger any more."""
    passes = settings.passes
    if settings.when == "suspicious" and not tx.has_hit(settings.suspicious):
        passes = 1
    return Terms(settings.delay, settings.window, settings.expiry, passes)


def _is_exempt(tx: Transaction, settings: Settings) -> bool:
    session = tx.session
    return (
        session.is_authenticated
        or session.is_local
        or session.client is None
        or tx.has_hit(settings.exempt)
    )


def _is_refused(tx: Transaction) -> bool:
    """Whether another check refuses it for good: then nobody is to come back, and nobody is counted."""
    return any(isinstance(e, Proposal) and e.action is Action.REJECT for e in tx.evidence)


def _asked(tx: Transaction, recipients: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """The recipients to ask about, in a fixed order; empty when one of them is exempt."""
    exempt = _lower(settings.exempt_recipients)
    wanted = {recipient.lower() for recipient in recipients[: LIMITS.recipients]}
    for recipient in wanted:
        if recipient in exempt or recipient.partition("@")[0] in exempt:
            return ()
    return tuple(sorted(wanted)[:MAX_KEYS])


@lru_cache(maxsize=64)
def _lower(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _is_due(tx: Transaction, settings: Settings, services: Services, domain: str) -> bool:
    """Whether the message, seen as a whole, is to be asked about."""
    if settings.at == "eom":
        is_due = settings.when == "always" or services.score(tx.evidence) >= settings.score
    else:
        is_due = bool(domain) and _looks_suspicious(tx, settings)
    return is_due and not _is_time_critical(tx, settings, domain)


def _looks_suspicious(tx: Transaction, settings: Settings) -> bool:
    return settings.when == "always" or settings.new_networks or tx.has_hit(settings.suspicious)


def _proven_domain(tx: Transaction) -> str:
    """The domain that the sender has proven to be allowed to use, or ""."""
    passed = [r for method in ("spf", "dmarc") for r in tx.auth(method) if r.result == "pass"]
    if not passed:
        return ""
    for name in ("smtp.mailfrom", "header.from"):
        for result in passed:
            if value := result.get(name):
                return value.rpartition("@")[2].lower()
    for result in passed:  # a pool's hosts have names of their own: its domain stands for them
        if value := result.get("smtp.helo"):
            return organizational(value) or value.lower()
    return ""


def _is_time_critical(tx: Transaction, settings: Settings, domain: str) -> bool:
    """Whether a proven sender's Subject or local part speaks of a code or a confirmation."""
    if not domain:
        return False
    subject = tx.message.subject[:200] if tx.stage is Stage.EOM else ""
    text = f"{subject} {tx.envelope.reverse_path.rpartition('@')[0]}".lower()
    words = _WORD.findall(text)
    return any(
        word in text if len(word) > 5 else any(w.endswith(word) for w in words)
        for word in settings.time_critical
    )


CHECK = Check(
    name="greylist",
    stage=Stage.RCPT,
    run=run,
    settings=Settings,
    symbols=(DEFERRED, PASSED, KNOWN),
    # Named: what has to run before RCPT is answered. "*": at end-of-message it runs last.
    after=(
        "iprev",
        "connection",
        "dnsbl",
        "helo",
        "spf",
        "sender",
        "trap",
        "allow",
        "correspondent",
        "*",
    ),
    runs=frozenset({Stage.RCPT, Stage.EOM}),
)

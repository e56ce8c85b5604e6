"""tarpit - answer suspicious clients slowly.

Owns:   symbol TARPIT; how long an answer is held at CONNECT, RCPT and end-of-message.
Asks:   the rate store for the record of the client's network: how often it was suspicious lately. A mark on
        it is made without waiting; at RCPT the record of a client that was held before is announced.
Not here: the waiting, and the limit on how many wait at once (the front end's gate: over it nobody is
        held, and a leaving worker holds nobody); rate limits (checks.ratelimit, whose RATE_HIGH counts).

Rules of this file: an answer is held for less than the MTA waits for it, or the MTA takes the silence
for a failure; all answers of one transaction together are bounded too; a good sender never waits. Who
may be about to log in is not held at CONNECT: our own people come from bad networks, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from pydantic import Field

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Delay, Evidence, Hit
from filterd.core.settings import Duration
from filterd.core.stage import Stage
from filterd.core.stores import Bucket, Fact
from filterd.core.transaction import Session, Transaction
from filterd.store import keys

SYMBOL = "TARPIT"
MARK_SECONDS = 600.0  # in which one mark fades
MAX_MARKS = 20.0


class Settings(CheckSettings):
    """From which suspicion on, and how long."""

    start: float = Field(
        default=6.0,
        ge=0,
        description="Points of evidence so far from which answers are held at CONNECT and RCPT.",
    )
    seconds_per_point: float = Field(
        default=1.0, ge=0, le=20, description="Seconds for each point above `start`."
    )
    ceiling: Duration = Field(
        default=2.0,
        le=25,  # Postfix waits 30 s for a command (milter_command_timeout)
        description="Longest an answer to CONNECT or RCPT is held; keep it well below the MTA's"
        " command timeout (Postfix: 30 s).",
    )
    end_start: float = Field(
        default=15.0,
        ge=0,
        description="Score of the whole message from which the last answer is held.",
    )
    end_ceiling: Duration = Field(
        default=3.0,
        le=240,  # Postfix waits 300 s at end-of-message (milter_content_timeout)
        description="Longest the last answer is held (Postfix waits 300 s for it).",
    )
    total: Duration = Field(
        default=5.0,
        le=280,
        description="Longest all answers of one message are held together.",
    )
    rate_factor: float = Field(
        default=3.0, ge=1, le=20, description="RATE_HIGH makes the wait so many times as long."
    )
    per_mark: Duration = Field(
        default=0.1,
        le=20,
        description="Each suspicious message of a network is a mark; a mark adds so much to every wait"
        " and fades within ten minutes. At CONNECT nothing else is known.",
    )
    ipv4_prefix: int = Field(default=24, ge=8, le=32, description="Size of an IPv4 network.")
    ipv6_prefix: int = Field(default=64, ge=16, le=128, description="Size of an IPv6 network.")
    places: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Sessions that one worker holds at once; over it nobody is held.",
    )
    busy: float = Field(
        default=2.0,
        ge=0,
        description="Load average (one minute, for each core) above which nobody is held.",
    )
    login_services: tuple[str, ...] = Field(
        default=(
            "587",
            "465",
            "ORIGINATING",
            "MSA",
            "MSP",
            "submission",
            "submissions",
            "smtps",
        ),
        description="Services where clients log in, by the MTA's {daemon_port} or {daemon_name}: nobody is"
        " held at CONNECT there, for who it is comes later.",
    )
    exempt: tuple[str, ...] = Field(
        default=("ALLOW_*", "CORRESPONDENT_*", "DNSWL_*", "GREYLIST_KNOWN", "GREYLIST_PASSED"),
        description="Symbols of clients and senders that never wait; * at the end stands for anything.",
    )


def facts(tx: Transaction, settings: Settings) -> Iterable[Fact]:
    """At RCPT: the record of a network whose client was held before."""
    if tx.hit(SYMBOL) is not None:
        yield ("bucket", _record(tx, settings).key)


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Hold the answer of this stage, longer the more there is against the client."""
    session = tx.session
    if session.client is None or session.is_local or session.is_authenticated:
        return
    if tx.has_hit(settings.exempt):
        return
    at_connect, at_end = tx.stage is Stage.CONNECT, tx.stage is Stage.EOM
    if at_connect and _is_login_service(session, settings):
        return
    points = services.score(tx.evidence)
    above = points - (settings.end_start if at_end else settings.start)
    if above <= 0 and not at_connect:
        return
    is_new = above > 0 and tx.hit(SYMBOL) is None
    marks = _marks(tx, settings, services, is_new=is_new)
    wanted = max(0.0, above) * settings.seconds_per_point + marks * settings.per_mark
    if tx.has_hit(("RATE_HIGH",)):
        wanted *= settings.rate_factor
    held = sum(e.seconds for e in tx.evidence if isinstance(e, Delay))
    ceiling = settings.end_ceiling if at_end else settings.ceiling
    seconds = round(min(wanted, ceiling, settings.total - held), 1)
    if seconds <= 0:
        return
    detail = f"{seconds:g} s for {points:.1f} points and {marks:.1f} marks"
    if tx.hit(SYMBOL) is None:
        yield Hit(SYMBOL, detail)
    yield Delay(seconds, SYMBOL, detail)


def _is_login_service(session: Session, settings: Settings) -> bool:
    names = _lower(settings.login_services)
    return session.daemon_port in names or session.daemon_name.lower() in names


@lru_cache(maxsize=64)
def _lower(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _marks(tx: Transaction, settings: Settings, services: Services, *, is_new: bool) -> float:
    """How many suspicious messages the client's network has on its record, this one included.

    At CONNECT what is known without asking is enough: it is every client's first moment.
    """
    store = services.rates
    if store is None:
        return 0.0
    record = _record(tx, settings)
    now = services.clock.now()
    if tx.stage is Stage.CONNECT:
        level = store.glimpse(record, now)
    else:
        (level,) = store.levels([record], now)
    if is_new:
        store.fill([record], 1, now)
    return min(level + is_new, MAX_MARKS)


def _record(tx: Transaction, settings: Settings) -> Bucket:
    network = keys.client_network(tx.session.client, settings.ipv4_prefix, settings.ipv6_prefix)
    return Bucket(keys.rate("marks", network), 1, MARK_SECONDS, MAX_MARKS)


CHECK = Check(
    name="tarpit",
    stage=Stage.CONNECT,
    facts=facts,
    run=run,
    settings=Settings,
    symbols=(SYMBOL,),
    after=("greylist", "ratelimit", "*"),
    runs=frozenset({Stage.CONNECT, Stage.RCPT, Stage.EOM}),
)

"""connection - CPU of the connection checks together, a message, with each store.

usage: python -m tests.benchmarks.connection [--messages N] [--runs R] [--store sqlite|redis|memory] [--checks]

What is measured: user + system time of the scanning thread for the dialogue CONNECT ... end-of-message with
the checks of CHECKS and no others, less the same dialogue without any check. Everything of theirs is
switched on (shipped DNS lists, an allow, a deny and a trap file, limits for network, domain and recipient)
or all is as shipped.
DNS answers lie in memory, for what a question costs is the resolver's and is measured by `load`. A Redis
server is another process and its CPU is not counted; waiting for it costs none.
The stream: clients that are all new, one in three looks suspicious, is greylisted and comes back after two
minutes; three of ten messages refer to others (as on the lab's mail), half of those to ours; one recipient
in fifty is a trap.
Neighbours on a core's other thread double every figure. So the loop of tests.support.speed is timed between every
few deliveries and the figures are for a machine on which it takes YARDSTICK; the stream is played several times,
and a delivery costs the least it took.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filterd.assembly import Assembly
from filterd.checks.catalogue import ALL
from filterd.config.decode import decode
from filterd.config.settings import FilterSettings
from filterd.core.clock import FixedClock
from filterd.core.lookup import Answer, Asked, Question
from filterd.core.transaction import Session, client_address
from filterd.dns.watch import ZoneWatch
from filterd.dns.zone import Zone
from filterd.mail.message import Message
from filterd.scan.scanner import Scanner
from filterd.store import Stores, open_stores
from filterd.store.settings import StoreSettings
from tests.support.redisserver import RedisServer
from tests.support.speed import YARDSTICK, yardstick

CHECKS = (
    "iprev", "connection", "dnsbl", "helo", "sender", "trap", "allow", "correspondent",
    "greylist", "ratelimit", "tarpit",
)  # fmt: skip
STORES = ("memory", "sqlite", "redis")
RETRY = 120.0  # seconds after which those come back who were asked to
LINES = 2_000  # of each list file
CHUNK = 20  # deliveries between two yardsticks


@dataclass(frozen=True, slots=True)
class Mail:
    """One delivery as the MTA hands it over."""

    client: str
    client_name: str
    helo: str
    sender: str
    recipient: str
    message: Message


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU a message, and how often mail was asked to come back."""

    checks: float
    bare: float  # the same dialogue without a check
    deferred: int
    messages: int

    @property
    def own(self) -> float:
        return self.checks - self.bare


def stream(count: int) -> tuple[list[Mail], str]:
    """That many deliveries from as many clients, and the zone that answers for them."""
    found: list[Mail] = []
    zone: list[str] = []
    for number in range(count):
        client = f"{20 + number % 80}.{number // 200 % 200}.{number % 200}.{number % 7 + 1}"
        back = ".".join(reversed(client.split(".")))
        domain = f"d{number % 300}.example"
        is_odd = number % 3 == 0
        name = (
            f"dsl-{client.replace('.', '-')}.pool.{domain}"
            if is_odd
            else f"mail{number}.{domain}"
        )
        zone.append(f"{back}.in-addr.arpa PTR {name}.")
        zone.append(f"{name} A {client}")
        if number < 300:
            zone += [f"{domain} MX 10 mx.{domain}.", f"mx.{domain} A {client}"]
        if number % 6 == 0:
            zone.append(f"{back}.zen.spamhaus.org A 127.0.0.4")
        refers = ("<out{n}@example.net>", "<{n}@{d}>", "<{n}.x@{d}>")[
            number % 10 : number % 10 + 1
        ]
        answers = "".join(f"In-Reply-To: {r}\r\n" for r in refers).format(n=number, d=domain)
        sender = f"person{number}@{domain}"
        author = sender if number % 20 < 9 else f"author{number}@{domain}"
        raw = (
            f"From: Person <{author}>\r\nTo: user@example.net\r\n"
            f"Subject: Message {number}\r\n{answers}"
            f"Message-ID: <{number}.a@{domain}>\r\n\r\nhello\r\n"
        )
        recipient = (
            "trap@example.net" if number % 50 == 49 else f"user{number % 25}@example.net"
        )
        found.append(
            Mail(
                client,
                name,
                name,
                f"person{number}@{domain}",
                recipient,
                Message.from_bytes(raw.encode()),
            )
        )
    return found, "\n".join(zone)


class Remembered:
    """A resolver that has every answer already, as a warm cache has."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._known: dict[Question, Answer] = {}

    def ask(self, question: Question, deadline: float = 0.0) -> Answer:
        answer = self._known.get(question)
        if answer is None:
            answer = self._known[question] = self._zone.ask(question, deadline)
        return answer

    def prefetch(self, questions: Iterable[Asked]) -> None:
        for _ in questions:
            pass

    def close(self) -> None: ...


def settings_of(folder: Path, checks: Iterable[str], *, is_full: bool = True) -> FilterSettings:
    """Those checks, with everything of theirs on or as shipped; all others off."""
    chosen = frozenset(checks)
    tables: dict[str, dict[str, object]] = {c.name: {"enabled": c.name in chosen} for c in ALL}
    if is_full:
        files = {name: [_a_list(folder / name)] for name in ("allow", "deny", "trap")}
        limit = {"messages": 100_000.0}
        tables["allow"] |= {"allow_files": files["allow"], "deny_files": files["deny"]}
        tables["trap"] |= {"files": files["trap"]}
        tables["ratelimit"] |= {"client": limit, "domain": limit, "recipient": limit}
    given = {"checks": tables, "classifier": {"enabled": False}, "state_dir": str(folder)}
    return decode(FilterSettings, given, lambda key: key)


def _a_list(path: Path) -> str:
    lines = [
        f"192.0.{n % 250}.{n // 250}/32\nd{n}.{path.name}.example" for n in range(LINES // 2)
    ]
    path.write_text(
        "\n".join([*lines, "trap@example.net" if path.name == "trap" else "x.example"])
    )
    return str(path)


class Bench:
    """One store, one stream; `cost` plays it."""

    def __init__(
        self, folder: Path, store: StoreSettings, count: int, *, is_full: bool = True
    ) -> None:
        self.is_full = is_full
        self.mail, zone = stream(count)
        self.resolver = Remembered(Zone(zone))
        self.clock = FixedClock()
        self.folder = folder
        self.store = store
        self._opened: list[Stores] = []

    def scanner(self, checks: Iterable[str]) -> Scanner:
        """A scanner of only those checks; its store is this bench's."""
        assembly = Assembly.of(settings_of(self.folder, checks, is_full=self.is_full))
        stores = open_stores(self.store, self.folder)
        self._opened.append(stores)
        zones = ZoneWatch(assembly.dns_lists(), self.resolver.ask)
        return assembly.scanner(
            resolver=self.resolver, stores=stores, clock=self.clock, zones=zones
        )

    def close(self) -> None:
        for stores in self._opened:
            stores.close()

    def play(self, scanner: Scanner) -> tuple[list[float], int]:
        """Milliseconds of each delivery, then of each that came back; how many were deferred."""
        first, deferred = self._batch(scanner, self.mail)
        self.clock.advance(RETRY)
        return first + self._batch(scanner, deferred)[0], len(deferred)

    def _batch(self, scanner: Scanner, mail: Sequence[Mail]) -> tuple[list[float], list[Mail]]:
        spent: list[float] = []
        deferred = []
        for start in range(0, len(mail), CHUNK):
            before, taken = yardstick(), []
            for one in mail[start : start + CHUNK]:
                seconds, was_deferred = self._one(scanner, one)
                taken.append(seconds)
                if was_deferred:
                    deferred.append(one)
            scale = YARDSTICK * 2 / (before + yardstick()) * 1000
            spent += [seconds * scale for seconds in taken]
        return spent, deferred

    def _one(self, scanner: Scanner, mail: Mail) -> tuple[float, bool]:
        self.clock.advance(0.2)
        started = time.thread_time()
        talk = scanner.open(
            Session(client=client_address(mail.client), client_name=mail.client_name)
        )
        talk.connect()
        talk.helo(mail.helo)
        talk.mail(mail.sender)
        answer = talk.rcpt(mail.recipient)
        if answer.reply is None:
            talk.header(mail.message.header)
            talk.end(mail.message)
        else:
            talk.abort()
        return time.thread_time() - started, answer.reply is not None


def measure(
    store: StoreSettings,
    folder: Path,
    count: int,
    runs: int,
    checks: Iterable[str] = CHECKS,
    *,
    is_full: bool = True,
) -> Cost:
    """What the least of some runs comes to; each finds nothing left of the one before."""
    bench = Bench(folder, store, count, is_full=is_full)
    try:
        with_checks, without = bench.scanner(checks), bench.scanner(())
        bench.play(with_checks)
        least = least_bare = [float("inf")] * (2 * count)
        deferred = 0
        for _ in range(runs):
            bench.clock.advance(60 * 86400.0)  # what was known has expired
            spent, deferred = bench.play(with_checks)
            least = [min(pair) for pair in zip(least, spent, strict=False)]
            least_bare = [
                min(pair) for pair in zip(least_bare, bench.play(without)[0], strict=False)
            ]
    finally:
        bench.close()
    return Cost(sum(least) / len(least), sum(least_bare) / count, deferred, len(least))


@contextmanager
def store_of(kind: str, folder: Path) -> Iterator[StoreSettings]:
    """Settings of a fresh store of that kind."""
    if kind != "redis":
        yield StoreSettings.model_validate({"kind": kind})
        return
    with RedisServer(folder) as server:
        yield StoreSettings.model_validate({"kind": "redis", "url": server.url})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=600)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--store", choices=STORES, action="append")
    parser.add_argument("--checks", action="store_true", help="also each check alone")
    chosen = parser.parse_args()
    cases: list[tuple[Sequence[str], bool, str]] = [
        (CHECKS, True, "everything on"),
        (CHECKS, False, "as shipped"),
    ]
    cases += [((name,), True, name) for name in CHECKS if chosen.checks]
    for kind in chosen.store or STORES:
        for names, is_full, what in cases:
            with tempfile.TemporaryDirectory() as place, store_of(kind, Path(place)) as store:
                cost = measure(
                    store, Path(place), chosen.messages, chosen.runs, names, is_full=is_full
                )
            print(
                f"{kind:7} {what:14} {cost.own:6.3f} ms of {cost.checks:.3f}, bare dialogue {cost.bare:.3f};"
                f" {cost.deferred} of {cost.messages} deferred"
            )


if __name__ == "__main__":
    main()

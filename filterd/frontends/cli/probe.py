"""probe - the things that go wrong around a mail filter, looked at one by one.

Owns:   Finding, Level; the probes of service, configuration, DNS, stores, models, rules.
Not here: clock, disk and files (machine), the MTA's side (mta.health), the order and the words on the screen (doctor).
Rules of this file: a probe never raises and never changes anything; it takes what it looks at as
        arguments, so that a test can show it any world.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filterd.core.errors import ConfigError, FilterdError
from filterd.core.lookup import Answer, RRType, Status, question
from filterd.observe.status import is_alive, read_status

if TYPE_CHECKING:
    from filterd.config.listen import Socket
    from filterd.config.settings import FilterSettings
    from filterd.core.stores import StoreHealth

DAY = 86400.0


class Level(Enum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, what to do about it."""

    name: str
    level: Level
    text: str
    advice: str = ""


def ok(name: str, text: str) -> Finding:
    """A finding that is in order."""
    return Finding(name, Level.OK, text)


def warning(name: str, text: str, advice: str = "") -> Finding:
    """A finding to think about."""
    return Finding(name, Level.WARNING, text, advice)


def failure(name: str, text: str, advice: str = "") -> Finding:
    """A finding that fails."""
    return Finding(name, Level.FAILURE, text, advice)


# -- service and configuration -------------------------------------------------------------------


def service(settings: FilterSettings, now: float) -> Iterator[Finding]:
    """Is it running, with what is on disk?"""
    written = read_status(settings.run_dir / "status.json")
    if written is None or not is_alive(written, now):
        yield failure(
            "service",
            "filterd does not run",
            "start it: systemctl start filterd, or ./deploy/run",
        )
        return
    workers = [w for w in written.get("workers", ()) if not w.get("retiring")]
    text = f"runs with {len(workers)} workers, generation {written.get('generation')}"
    if written.get("reload_problem"):
        yield failure(
            "service",
            f"{text}; the last reload was refused: {written['reload_problem']}",
            "filterd config check names every problem; then reload",
        )
    elif now - float(written.get("started", now)) > 600 and written.get("restarts", 0) > 20:
        yield warning(
            "service",
            f"{text}, but {written['restarts']} workers had to be replaced",
            "see the log for why",
        )
    else:
        yield ok("service", text)


def configuration(build: Callable[[], object]) -> Iterator[Finding]:
    """Would it start with what is on disk now?"""
    try:
        build()
    except ConfigError as error:
        for problem in error.problems[:20]:
            yield failure("configuration", str(problem), "filterd config check")
    else:
        yield ok("configuration", "settings, rules and model can be used")


def mode(settings: FilterSettings) -> Iterator[Finding]:
    """Does it act, or only look?"""
    if settings.mode == "observe":
        yield warning(
            "mode",
            "observe: nothing is refused or changed",
            'mode = "enforce" when you trust it',
        )


# -- DNS -----------------------------------------------------------------------------------------

PUBLIC_RESOLVERS = frozenset(
    {
        "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844",
        "1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "2606:4700:4700::1111", "2606:4700:4700::1001",
        "9.9.9.9", "9.9.9.10", "9.9.9.11", "149.112.112.112", "2620:fe::fe", "2620:fe::9",
        "208.67.222.222", "208.67.220.220", "94.140.14.14", "94.140.15.15", "4.2.2.1", "4.2.2.2",
        "76.76.2.0", "76.76.10.0", "185.228.168.9", "64.6.64.6", "84.200.69.80", "77.88.8.8",
    }
)  # fmt: skip
STUBS = frozenset(
    {"127.0.0.53", "127.0.0.54"}
)  # systemd-resolved forwards to whoever DHCP named
ASKED_OFTEN = "zen.spamhaus.org"
_OWN = (
    'run a resolver of your own, e.g. apt-get install unbound, and dns.servers = ["127.0.0.1"]'
)


def resolver(servers: Sequence[str], ask: Callable[[str, RRType], Answer]) -> Iterator[Finding]:
    """Does DNS answer, by a resolver that DNS lists answer to?"""
    for server in servers:
        if server in PUBLIC_RESOLVERS:
            yield failure(
                "resolver",
                f"{server} is a public resolver: DNS lists refuse it, and half the detection is gone",
                _OWN,
            )
        elif server in STUBS:
            yield warning(
                "resolver",
                f"{server} (systemd-resolved) forwards to somebody else's resolver",
                _OWN,
            )
    begin = time.perf_counter()
    answer = ask("example.com", RRType.NS)
    spent = (time.perf_counter() - begin) * 1000
    if answer.status is Status.TEMPFAIL:
        yield failure(
            "resolver",
            f"{', '.join(servers)} does not answer ({answer.reason})",
            "see /etc/resolv.conf or dns.servers",
        )
        return
    yield ok("resolver", f"{', '.join(servers)} answers in {spent:.0f} ms")
    listed = ask(f"2.0.0.127.{ASKED_OFTEN}", RRType.A)
    refused = [a for a in listed.addresses if a.startswith("127.255.255.")]
    if refused:
        yield failure(
            "lists",
            f"{ASKED_OFTEN} refuses this resolver ({refused[0]})",
            _OWN + ", or use a key (DQS)",
        )
    elif listed.status is Status.OK:
        yield ok("lists", f"{ASKED_OFTEN} answers its test point")
    else:
        yield warning(
            "lists",
            f"{ASKED_OFTEN} does not answer its test point ({listed.reason or listed.status.value})",
            _OWN,
        )


def zones(names: Sequence[str], ask: Callable[[str, RRType], Answer]) -> Iterator[Finding]:
    """Does each configured list keep to RFC 5782: 127.0.0.2 listed, 127.0.0.1 not?"""
    for name in names:
        there, absent = ask(f"2.0.0.127.{name}", RRType.A), ask(f"1.0.0.127.{name}", RRType.A)
        named = ask(f"TEST.{name}", RRType.A) if there.status is not Status.OK else there
        if absent.status is Status.OK:
            yield failure(
                "lists", f"{name} lists 127.0.0.1: it lists everything", f"take {name} out"
            )
        elif named.status is not Status.OK:
            yield warning(
                "lists",
                f"{name} does not answer its test point",
                f"is {name} still there, and does it know you?",
            )
        else:
            yield ok("lists", f"{name} answers its test point")


def host_name(
    name: str, addresses: Sequence[str], ask: Callable[[str, RRType], Answer]
) -> Iterator[Finding]:
    """Does the name we greet with exist, and do our addresses point back to it?"""
    if "." not in name:
        yield failure(
            "host name", f'"{name}" is no full name', "set myhostname to the name your PTR has"
        )
        return
    forward = [*ask(name, RRType.A).addresses, *ask(name, RRType.AAAA).addresses]
    if not forward:
        yield warning(
            "host name",
            f"{name} has no address in the DNS",
            "others may refuse mail from a name that is none",
        )
        return
    for address in forward[:4]:
        reverse = ask(ip_address(address).reverse_pointer, RRType.PTR).names
        if name.lower() in reverse:
            yield ok("host name", f"{name} and {address} agree")
        else:
            shown = ", ".join(reverse) or "nothing"
            yield warning(
                "host name",
                f"{address} points to {shown}, not to {name}",
                "ask who gave you the address for a PTR",
            )


# -- what is kept --------------------------------------------------------------------------------


def stores(
    health: Sequence[StoreHealth], probe: Callable[[], None], persistent: bool = True
) -> Iterator[Finding]:
    """Does the shared store answer, fast enough, and outlive a restart?"""
    for known in health:
        if known.kind == "memory":
            yield warning(
                "store",
                "memory: all is forgotten at a restart and not shared",
                'store.kind = "sqlite" or "redis"',
            )
            return
    spent: list[float] = []
    try:
        for _ in range(5):
            begin = time.perf_counter()
            probe()
            spent.append((time.perf_counter() - begin) * 1000)
    except FilterdError as error:
        yield failure(
            "store", f"does not answer: {error}", "mail goes on without greylisting and rates"
        )
        return
    except Exception as error:  # noqa: BLE001 - a probe tells, whatever its library raises
        yield failure("store", f"does not answer: {type(error).__name__}: {error}")
        return
    kind = health[0].kind if health else "store"
    where = health[0].where if health else ""
    median = sorted(spent)[len(spent) // 2]
    said = f"{kind} at {where} answers in {median:.1f} ms"
    if median > 50:
        yield warning("store", said, "each message waits for it several times")
    else:
        yield ok("store", said)
    if not persistent:
        yield warning(
            "store", f"{kind} keeps nothing on disk", "appendonly yes, or save, in redis.conf"
        )


def model(
    problems: Sequence[object], shipped: Path, labels: Path, now: float
) -> Iterator[Finding]:
    """Is there a classifier, of what age, and does it learn here?

    `shipped` is the folder of the model that came along (a package keeps the times of its making),
    `labels` the journal of what was learned here.
    """
    if problems:
        yield failure(
            "model",
            "; ".join(map(str, problems[:3])),
            "filterd retrain, or reinstall the package",
        )
        return
    age = _age(shipped, now)
    if age is not None and age > 730:
        yield warning(
            "model",
            f"the shipped model is {age / 365:.0f} years old",
            "upgrade filterd; spam changes",
        )
        return
    made = f", {age:.0f} days old" if age is not None else ""
    learned = _age(labels, now)
    ours = f"last taught {learned:.0f} days ago" if learned is not None else "never taught here"
    yield ok("model", f"in use{made}; {ours}")


def _age(path: Path, now: float) -> float | None:
    """Days since the newest file of that path was written; None where there is none."""
    files = [path, *path.glob("*")] if path.is_dir() else [path]
    times = [p.stat().st_mtime for p in files if p.is_file()]
    return max(0.0, (now - max(times)) / DAY) if times else None


def rules(directory: Path, summary: str, now: float) -> Iterator[Finding]:
    """How many rules, and when were ours touched last?"""
    times = [p.stat().st_mtime for p in directory.glob("*.toml")] if directory.is_dir() else []
    own = (
        f", {len(times)} files of your own, the newest {(now - max(times)) / DAY:.0f} days old"
        if times
        else ""
    )
    yield ok("rules", f"{summary}{own}")


def reachable(name: str, listen: Socket) -> Finding:
    """Does something answer there, for us?"""
    try:
        listen.connect().close()
    except OSError as error:
        return failure(
            name,
            f"{listen}: {error.strerror or error}",
            "is filterd running, and is this its socket?",
        )
    return ok(name, f"{listen} takes connections")


def plain(finding: Finding) -> Mapping[str, Any]:
    """A finding as JSON values."""
    return {
        "name": finding.name,
        "level": finding.level.value,
        "text": finding.text,
        "advice": finding.advice,
    }


def asking(
    ask: Callable[[Any, float], Answer], seconds: float = 5.0
) -> Callable[[str, RRType], Answer]:
    """Ask one name within that time."""
    return lambda name, kind: ask(question(name, kind), time.monotonic() + seconds)

"""greylist_replay - a real stream of mail on a virtual clock, before several greylists.

    python -m tests.benchmarks.greylist_replay [shared/corpora/envelopes.tsv.gz]

Owns:   the stream, the model of retries, the rival rules, the table (printed as in deploy/README.md).
Ours:   every policy "filterd" is the real scanner (CONNECT, HELO, MAIL, RCPT of the shipped catalogue and
        settings) with the memory store; DNS answers with the reverse names of the stream and knows
        nothing else, so neither SPF nor DNS lists help it.

The model, stated because the figures depend on it:
- The stream was received without a greylist, so a deferred ham message is tried again at the times that
  are published for its sender (Pagani et al. 2016), and at 5, 15, 35, 75, ... minutes by everybody else.
- A sender with several clients under one domain of reverse names (a pool) tries again from the next one.
- Spam does not retry; but when the stream itself brings the same delivery again, that counts as a return.
- postgrey: /24 unless the reverse name holds the last two octets, extension and numbers taken out of the
  sender, 300 s, 2 days, 35 days, a client is allowed after 5 passes (one an hour). Its shipped list of
  known servers is not used, nor any list with us.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import io
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Protocol

from filterd.auth.iprev import reverse_question
from filterd.checks.catalogue import ALL
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.lookup import NODATA, NXDOMAIN, Answer, Question, RRType, Status, tempfail
from filterd.core.stores import Terms
from filterd.core.transaction import Session, client_address
from filterd.mail.domain import organizational
from filterd.scan.scanner import Scanner, resolve_profiles
from filterd.scan.schedule import plan
from filterd.scan.score import ScoreTable
from filterd.scan.settings import DEFAULT_PROFILES, Thresholds
from filterd.store.memory import MemoryState

FIRST_RETRY = {  # seconds; FIELD.md 4.4
    "hotmail.com": 61,
    "yandex.ru": 65,
    "mail.ru": 78,
    "yahoo.com": 127,
    "gmx.net": 301,
    "gmx.com": 301,
    "mail.com": 302,
    "qq.com": 305,
    "aol.com": 332,
    "google.com": 362,
    "gmail.com": 362,
    "india.com": 381,
}
OTHERS = 300
GIVES_UP = {"aol.com": 1892}  # after 31:32 it stops; the rest tries for five days
PATIENCE = 5 * 86400
LATE = 300  # seconds of delay that people notice
BACK = 2 * 86400  # within which the same delivery again is a return


@dataclass(frozen=True, slots=True)
class Mail:
    """One message of the stream."""

    number: int
    is_ham: bool
    client: str
    name: str  # reverse name
    helo: str
    sender: str
    recipient: str
    at: float


def read(path: Path) -> list[Mail]:
    """The stream in order of time; messages without client or time are left out."""
    with gzip.open(path, "rb") as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8", errors="surrogateescape", newline="")
        rows = list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = [
        Mail(
            number,
            row["label"] == "ham",
            row["client_ip"],
            row["rdns"].lower().rstrip("."),
            row["helo"],
            row["mail_from"],
            row["rcpt_to"],
            float(row["received_utc"]),
        )
        for number, row in enumerate(rows)
        if row["received_utc"] and client_address(row["client_ip"]) is not None
    ]
    return sorted(found, key=lambda mail: (mail.at, mail.number))


class Policy(Protocol):
    """May this message be delivered now, from this client?"""

    def accepts(self, mail: Mail, client: str, now: float) -> bool: ...


# -- rivals


@dataclass
class Naive:
    """Triplets of whole addresses, five minutes, nothing else."""

    known: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def accepts(self, mail: Mail, client: str, now: float) -> bool:
        key = (client, mail.sender.lower(), mail.recipient.lower())
        first = self.known.setdefault(key, now)
        return now - first >= 300


@dataclass
class Postgrey:
    """The rules of postgrey 1.37 as its manual tells them; no code of it."""

    names: Mapping[str, str]
    known: dict[tuple[str, str, str], tuple[float, float]] = field(default_factory=dict)
    clients: dict[str, tuple[int, float]] = field(default_factory=dict)

    def accepts(self, mail: Mail, client: str, now: float) -> bool:
        octets = client.split(".")
        name = self.names.get(client, "")
        is_spelled = len(octets) == 4 and all(o in re.split(r"\D+", name) for o in octets[2:])
        network = client if is_spelled or len(octets) != 4 else ".".join(octets[:3])
        passes, counted = self.clients.get(client, (0, float("-inf")))
        if passes >= 5 and now - counted < 35 * 86400:
            self.clients[client] = (passes, now)
            return True
        local, _, domain = mail.sender.lower().rpartition("@")
        plain = re.sub(r"\b\d+\b", "#", local.partition("+")[0])
        key = (network, f"{plain}@{domain}", mail.recipient.lower())
        first, last = self.known.get(key, (now, now))
        if (now - first > 2 * 86400 and last - first < 300) or now - last > 35 * 86400:
            first = now
        self.known[key] = (first, now)
        if now - first < 300:
            return False
        if now - counted >= 3600:
            self.clients[client] = (passes + 1, now)
        return True


# -- ours


class Names:
    """A resolver that knows the reverse names of the stream, both ways, and nothing else."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._answers: dict[Question, Answer] = {}
        for client, name in names.items():
            address = ip_address(client)
            reverse = reverse_question(address)
            forward = Question(name, RRType.A if address.version == 4 else RRType.AAAA)
            if not name:
                self._answers[reverse] = NXDOMAIN
                continue
            self._answers[reverse] = Answer(Status.OK, names=(name,))
            known = self._answers.get(forward, NODATA).addresses
            self._answers[forward] = Answer(Status.OK, addresses=(*known, client))

    def ask(self, question: Question, deadline: float) -> Answer:
        del deadline
        return self._answers.get(question, tempfail("not in the stream"))

    def prefetch(self, questions: Any) -> None:
        del questions

    def close(self) -> None: ...


class Ours:
    """The real scanner up to RCPT."""

    def __init__(self, names: Mapping[str, str], **greylist: Any) -> None:
        self._names = names
        self._clock = FixedClock(0)
        self.store = MemoryState(max_entries=1_000_000)
        settings = {check.name: check.settings() for check in ALL}
        chosen = {"suspicious": settings["greylist"].__class__().suspicious, **greylist}  # type: ignore[attr-defined]
        settings["greylist"] = type(settings["greylist"])(**chosen)
        settings["tarpit"] = type(settings["tarpit"])(enabled=False)
        resolver = Names(names)
        self._scanner = Scanner(
            profiles=resolve_profiles(plan(ALL, settings), Thresholds(), DEFAULT_PROFILES),
            services=Services(
                ask=lambda q: resolver.ask(q, 0.0),
                clock=self._clock,
                greylist=self.store,
                rates=self.store,
                correspondents=self.store,
                traps=self.store,
            ),
            resolver=resolver,
            table=ScoreTable(),
            clock=self._clock,
            new_id=lambda: "REPLAY",
        )

    def accepts(self, mail: Mail, client: str, now: float) -> bool:
        self._clock.advance(now - self._clock.now())
        name = self._names.get(client, "")
        talk = self._scanner.open(Session(client=client_address(client), client_name=name))
        answers = [talk.connect(), talk.helo(mail.helo), talk.mail(mail.sender)]
        answers.append(talk.rcpt(mail.recipient))
        return all(answer.verdict is None for answer in answers)


# -- the replay


@dataclass
class Outcome:
    """What one policy did to the stream."""

    name: str
    ham: int = 0
    spam: int = 0
    ham_deferred: int = 0
    ham_late: int = 0
    ham_lost: int = 0
    delays: list[float] = field(default_factory=list)
    spam_deferred: int = 0
    spam_gone: int = 0  # deferred and never there again

    def row(self) -> str:
        median = statistics.median(self.delays) if self.delays else 0.0
        return (
            f"| {self.name} | {self._part(self.ham_deferred, self.ham)}"
            f" | {self._part(self.ham_late, self.ham)} | {self.ham_lost}"
            f" | {median / 60:.1f} min | {self._part(self.spam_gone, self.spam)} |"
        )

    @staticmethod
    def _part(count: int, of: int) -> str:
        return f"{count} ({100 * count / of:.1f} %)"


HEADER = (
    "| greylist | ham deferred | ham later than 5 min | ham lost | median delay of what was deferred"
    " | spam that never came back |\n|---|---|---|---|---|---|"
)


def retries(sender_domain: str, start: float) -> Iterator[float]:
    """When a mail server tries again, in seconds of the clock."""
    wait = float(FIRST_RETRY.get(sender_domain, OTHERS))
    limit = GIVES_UP.get(sender_domain, PATIENCE)
    since = wait
    while since <= limit:
        yield start + since
        wait *= 2
        since += wait


def pools(stream: Sequence[Mail]) -> dict[str, list[str]]:
    """The clients of ham under one organizational domain of reverse names, in order of appearance."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for mail in stream:
        if mail.is_ham and mail.name:
            found[organizational(mail.name)].setdefault(mail.client)
    return {domain: list(clients) for domain, clients in found.items()}


def replay(stream: Sequence[Mail], name: str, policy: Policy) -> Outcome:
    """The whole stream before one policy."""
    outcome = Outcome(name)
    members = pools(stream)
    waiting: list[tuple[float, int, Mail, Iterator[float], str]] = []
    turned_away: dict[int, Mail] = {}
    for mail in stream:
        _run_until(mail.at, waiting, policy, outcome, members)
        if mail.is_ham:
            outcome.ham += 1
        else:
            outcome.spam += 1
        if policy.accepts(mail, mail.client, mail.at):
            continue
        if mail.is_ham:
            outcome.ham_deferred += 1
            domain = organizational(mail.name) if mail.name else ""
            times = retries(domain, mail.at)
            heapq.heappush(waiting, (next(times), mail.number, mail, times, mail.client))
        else:
            outcome.spam_deferred += 1
            turned_away[mail.number] = mail
    _run_until(float("inf"), waiting, policy, outcome, members)
    outcome.spam_gone = _gone(stream, turned_away)
    return outcome


def _run_until(
    now: float,
    waiting: list[tuple[float, int, Mail, Iterator[float], str]],
    policy: Policy,
    outcome: Outcome,
    members: Mapping[str, Sequence[str]],
) -> None:
    while waiting and waiting[0][0] <= now:
        at, number, mail, times, client = heapq.heappop(waiting)
        pool = members.get(organizational(mail.name), ()) if mail.name else ()
        if len(pool) > 1 and client in pool:
            client = pool[(pool.index(client) + 1) % len(pool)]
        if policy.accepts(mail, client, at):
            outcome.delays.append(at - mail.at)
            outcome.ham_late += at - mail.at > LATE
            continue
        again = next(times, None)
        if again is None:
            outcome.ham_lost += 1
        else:
            heapq.heappush(waiting, (again, number, mail, times, client))


def _gone(stream: Sequence[Mail], turned_away: Mapping[int, Mail]) -> int:
    """How many of the spam turned away did not come again, from its network, within two days."""
    last: dict[tuple[str, str, str], float] = {}
    gone = 0
    for mail in reversed(stream):
        if mail.is_ham:
            continue
        network = str(
            ip_network(f"{mail.client}/24" if "." in mail.client else mail.client, strict=False)
        )
        key = (network, mail.sender.lower(), mail.recipient.lower())
        if mail.number in turned_away and not (
            key in last and Terms().delay <= last[key] - mail.at <= BACK
        ):
            gone += 1
        last[key] = mail.at
    return gone


def policies(stream: Sequence[Mail]) -> Iterator[tuple[str, Policy]]:
    """Everything the table compares."""
    names = {mail.client: mail.name for mail in stream}
    yield "naive: /32, 300 s", Naive()
    yield "postgrey's rules", Postgrey(names)
    yield 'filterd, `when = "always"`', Ours(names, when="always")
    yield "filterd, `new_networks = true`", Ours(names, new_networks=True)
    yield "filterd, as shipped (suspicious)", Ours(names)


def table(stream: Sequence[Mail], report: Callable[[str], None] = lambda _: None) -> str:
    """The table as it stands in deploy/README.md."""
    rows = []
    for name, policy in policies(stream):
        rows.append(replay(stream, name, policy).row())
        report(rows[-1])
    return "\n".join([HEADER, *rows])


def main(arguments: Sequence[str]) -> int:
    path = Path(arguments[0] if arguments else "../shared/corpora/envelopes.tsv.gz")
    stream = read(path)
    kinds = Counter(mail.is_ham for mail in stream)
    print(f"{kinds[True]} ham, {kinds[False]} spam")
    print(table(stream, lambda row: print(row, file=sys.stderr)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

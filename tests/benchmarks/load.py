"""load - the whole daemon under load: CPU a message, messages a second, latency, memory.

usage: python -m tests.benchmarks.load [--messages N] [--connections C] [--dns-ms MS] [--runs R] [--json]

Real processes on loopback: `filterd serve` with all checks on and two workers, a nameserver of ours with a
chosen latency, an MTA's side of the milter protocol in processes of its own. The mail is made here from a
seed: plain and HTML, 23 fields, 5 kB and some of 20 kB, 60 % with an RSA-2048 signature; one in five comes
from a client that lists name. CPU is user + system time of master and workers; PSS their proportional memory.
CPU a message is the figure that noise disturbs least: compare it with another commit in the same minutes.
"""

from __future__ import annotations

import argparse
import heapq
import json
import multiprocessing
import os
import random
import statistics
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from deploy.demo.nameserver import Nameserver
from deploy.demo.service import Service
from tests.support.miltermta import Connection, Submission, play
from tests.support.signing import rsa_record, signed

SEED = 7
WORDS = """
the of and to in a is that for it as was with be by on not he his but at are this have from
or had an they which one you were all her she there would their we him been has when who
will no more if out so up said what its about than into them can only other time new some
could these two may first then do any like my now over such our man me even most made after
also invoice report meeting project server release patch review order delivery account
schedule customer question answer number office travel weekend dinner photo holiday family
garden
""".split()  # noqa: SIM905 - a list of a hundred quoted words reads worse


@dataclass(frozen=True)
class Mail:
    content: bytes
    client: str
    client_name: str
    helo: str
    sender: str
    recipient: str


@dataclass(frozen=True)
class Figures:
    messages: int
    connections: int
    dns_ms: float
    per_second: float
    cpu_ms: float  # a message
    p50_ms: float
    p99_ms: float
    pss_mb: float
    errors: int
    answers: dict[str, int]


def corpus(count: int) -> tuple[list[Mail], str]:
    """That many messages and the zone that answers for them."""
    chance = random.Random(SEED)
    zone: list[str] = []
    found: list[Mail] = []
    key = rsa_record(2048)
    for number in range(count):
        domain = f"d{number % 300}.example"
        client = (
            f"{chance.randint(20, 99)}.{number // 250 % 250}.{number % 250}.{number % 7 + 1}"
        )
        reverse = ".".join(reversed(client.split(".")))
        name = f"mail{number}.{domain}"
        zone += [f"{reverse}.in-addr.arpa PTR {name}.", f"{name} A {client}"]
        if number < 300:
            zone += [
                f"{domain} A {client}",
                f"{domain} MX 10 {name}.",
                f"s._domainkey.{domain} TXT {key}",
                f"_dmarc.{domain} TXT v=DMARC1; p={chance.choice(['none', 'reject'])}",
            ]
            if number % 3:
                zone.append(f"{domain} TXT v=spf1 ip4:{client} a mx include:_spf.{domain} ~all")
                zone.append(f"_spf.{domain} TXT v=spf1 ip4:198.51.100.0/24 ?all")
        if number % 5 == 0:
            zone.append(f"{reverse}.zen.spamhaus.org A 127.0.0.4")
        found.append(
            Mail(
                _message(chance, number, domain),
                client,
                name,
                name,
                f"person{number % 40}@{domain}",
                f"user{number % 25}@example.net",
            )
        )
    return found, "\n".join(zone)


def _message(chance: random.Random, number: int, domain: str) -> bytes:
    def words(count: int) -> str:
        return " ".join(chance.choice(WORDS) for _ in range(count))

    size = 18_000 if number % 20 == 0 else chance.randint(1_500, 5_000)
    lines = [words(11).capitalize() + "." for _ in range(size // 60)]
    lines.append(f"See https://www.{domain}/{number}/page.html for more.")
    fields = [
        *(
            f"Received: from h{hop}.{domain} (h{hop}.{domain} [203.0.113.{hop}])\r\n"
            f"\tby mx{hop}.{domain} (Postfix) with ESMTPS id {number:06X}{hop}\r\n"
            f"\tfor <user@example.net>; Sat, 21 Nov 2026 1{hop}:00:00 +0000 (UTC)"
            for hop in (3, 2, 1)
        ),
        f"From: {words(2).title()} <person{number % 40}@{domain}>",
        f"To: User <user{number % 25}@example.net>",
        f"Subject: {words(5).capitalize()}",
        "Date: Sat, 21 Nov 2026 13:00:00 +0000",
        f"Message-ID: <{number}.{chance.getrandbits(64):x}@{domain}>",
        "MIME-Version: 1.0",
        *(f"X-Field-{n}: {words(4)}" for n in range(12)),
    ]
    text = "\r\n".join(lines)
    if number % 3 == 0:
        rows = "".join(f'<tr><td style="color:#333">{line}</td></tr>\r\n' for line in lines)
        page = (
            f'<html><body><table>{rows}</table><a href="https://{domain}/u">x</a></body></html>'
        )
        fields.append('Content-Type: multipart/alternative; boundary="b"')
        body = (
            f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
            f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page}\r\n--b--\r\n"
        )
    else:
        fields.append("Content-Type: text/plain; charset=utf-8")
        body = text + "\r\n"
    raw = ("\r\n".join(fields) + "\r\n\r\n" + body).encode()
    return signed(raw, domain=domain, bits=2048) if number % 5 < 3 else raw


class SlowNameserver(Nameserver):
    """Answers after `seconds`, without one question waiting for another."""

    def __init__(self, zone_text: str, seconds: float) -> None:
        self._seconds = seconds
        self._due: list[tuple[float, int, Any, bytes, Any]] = []
        self._wake = threading.Condition()
        super().__init__(zone_text)
        if seconds:
            server = self._server
            server.RequestHandlerClass = self._handler()
            threading.Thread(target=self._send, daemon=True).start()

    def _handler(self) -> Any:
        outer = self

        def handle(request: Any, client: Any, _server: Any) -> None:
            packet, sock = request
            answer = outer.answer(packet)
            if answer is not None:
                with outer._wake:
                    due = time.monotonic() + outer._seconds
                    heapq.heappush(outer._due, (due, id(answer), sock, answer, client))
                    outer._wake.notify()

        return handle

    def _send(self) -> None:
        while True:
            with self._wake:
                while not self._due:
                    self._wake.wait()
                due = self._due[0][0]
                wait = due - time.monotonic()
                if wait > 0:
                    self._wake.wait(wait)
                    continue
                _, _, sock, answer, client = heapq.heappop(self._due)
            sock.sendto(answer, client)


def _serve_names(zone: str, seconds: float, port: Any, stop: Event) -> None:
    with SlowNameserver(zone, seconds) as nameserver:
        port.send(nameserver.port)
        stop.wait()


def _deliver(
    address: tuple[str, int], mail: list[Mail]
) -> tuple[list[float], dict[str, int], int]:
    times: list[float] = []
    answers: dict[str, int] = {}
    errors = 0
    for item in mail:
        started = time.perf_counter()
        try:
            with Connection(address) as mta:
                played = play(
                    mta,
                    Submission(
                        item.content,
                        client=item.client,
                        client_name=item.client_name,
                        helo=item.helo,
                        reverse_path=item.sender,
                        recipients=(item.recipient,),
                    ),
                )
            word = played.answer.text[:3] or played.answer.kind.name.lower()
        except OSError:
            errors += 1
            word = "error"
        times.append((time.perf_counter() - started) * 1000)
        answers[word] = answers.get(word, 0) + 1
    return times, answers, errors


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _tree(int(child))
    return found


def cpu_of(pid: int) -> float:
    """User and system seconds of a process and its children, dead ones included."""
    ticks = 0
    for member in _tree(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
        ticks += (int(fields[13]) + int(fields[14])) if member == pid else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _pss(pid: int) -> float:
    total = 0
    for member in _tree(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def measure(
    messages: int, connections: int, dns_ms: float, settings: dict[str, object] | None = None
) -> Figures:
    """One run with a fresh daemon; the first tenth warms up and is not counted."""
    mail, zone = corpus(messages)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    stop = context.Event()
    names = context.Process(
        target=_serve_names, args=(zone, dns_ms / 1000, theirs, stop), daemon=True
    )
    names.start()
    chosen: dict[str, object] = {
        # what waits on purpose would be measured as slowness
        "checks.tarpit.enabled": False,
        "checks.greylist.enabled": True,
        **(settings or {}),
    }
    try:
        with Service(chosen, nameserver=f"127.0.0.1:{ours.recv()}") as service:
            with ProcessPoolExecutor(connections, mp_context=context) as pool:
                warm = max(20, messages // 10)
                list(pool.map(_deliver, [service.address], [mail[:warm]]))
                before, started = cpu_of(service.pid), time.perf_counter()
                shares = [mail[n::connections] for n in range(connections)]
                done = list(pool.map(_deliver, [service.address] * connections, shares))
                elapsed = time.perf_counter() - started
                cpu = cpu_of(service.pid) - before
            pss = _pss(service.pid)
    finally:
        stop.set()
        names.join(5)
    times = sorted(t for share, _, _ in done for t in share)
    answers: dict[str, int] = {}
    for _, counted, _ in done:
        for word, count in counted.items():
            answers[word] = answers.get(word, 0) + count
    return Figures(
        messages,
        connections,
        dns_ms,
        round(len(times) / elapsed, 1),
        round(cpu / len(times) * 1000, 3),
        round(statistics.median(times), 2),
        round(times[int(len(times) * 0.99)], 2),
        round(pss, 1),
        sum(errors for _, _, errors in done),
        answers,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--dns-ms", type=float, default=0.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    runs = [
        measure(chosen.messages, chosen.connections, chosen.dns_ms) for _ in range(chosen.runs)
    ]
    middle = sorted(runs, key=lambda run: run.cpu_ms)[len(runs) // 2]
    if chosen.json:
        print(json.dumps([asdict(run) for run in runs]))
        return
    for run in runs:
        print(
            f"{run.per_second:8.1f} msg/s  {run.cpu_ms:6.2f} ms CPU  p50 {run.p50_ms:6.1f} ms  "
            f"p99 {run.p99_ms:6.1f} ms  {run.pss_mb:6.1f} MB  {run.errors} errors  {run.answers}"
        )
    print(f"median CPU: {middle.cpu_ms:.2f} ms a message, {middle.pss_mb:.0f} MB")


if __name__ == "__main__":
    main()

"""heuristics_rates - what the shipped rules and heuristics alone do to labelled mail.

Owns:   loading the corpora with the telling fields taken off, the checks without DNS and classifier,
        false positives and recall per set, hit rates per symbol, the halves for tuning and reporting.

    python -m tests.benchmarks.heuristics_rates [--set NAME]... [--half a|b] [--limit N]
        [--symbols] [--only SYMBOL] [--missed N] [--wrong] [--envelope] [--save FILE]

A message belongs to half a or b by the hash of its file name, so that what is tuned on one half is
reported on the other. Corpora that are absent are left out.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from filterd.checks import (
    attachment,
    author,
    bounce,
    bulk,
    gtube,
    html,
    link,
    mailer,
    mime,
    received,
    rule,
)
from filterd.checks import field as field_check
from filterd.core.check import Check, Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import Evidence
from filterd.core.lookup import Answer, Question, Status
from filterd.core.stage import Stage
from filterd.core.transaction import Envelope, Session, Transaction, client_address
from filterd.mail.header import Header
from filterd.mail.message import Message
from filterd.ruleset import RuleSet, RuleSettings, load
from filterd.scan.score import ScoreTable
from tests.support.shared import corpus, shared_folder

CHECKS: tuple[Check, ...] = (
    gtube.CHECK,
    field_check.CHECK,
    author.CHECK,
    received.CHECK,
    mailer.CHECK,
    mime.CHECK,
    attachment.CHECK,
    html.CHECK,
    link.CHECK,
    bulk.CHECK,
    bounce.CHECK,
    rule.CHECK,
)
SETS: dict[str, int] = {  # name -> year from which the bar is taken
    "spamassassin": 2002,
    "trec07p-000001-015000": 2007,
    "csdmc2010-new": 2010,
    "vger-mixed-2019-2021": 2019,
    "lists-ham-2019-2022": 2019,
    "foff-milter-40pct": 2025,
}
TAG, REJECT = 6.0, 15.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled message."""

    set: str
    is_spam: bool
    path: Path

    @property
    def half(self) -> str:
        return "ab"[hashlib.sha256(self.path.name.encode()).digest()[0] & 1]


@dataclass(slots=True)
class Seen:
    """What the filter said of one sample."""

    sample: Sample
    score: float
    points: dict[str, float] = field(default_factory=dict)
    milliseconds: float = 0.0


def samples(name: str, half: str = "", limit: int = 0) -> list[Sample]:
    """The messages of one set in a fixed order, evenly thinned to `limit` of each kind."""
    found = []
    for kind in ("ham", "spam"):
        paths = sorted(p for p in corpus(name).rglob("*") if p.is_file() and kind in p.parts)
        chosen = [Sample(name, kind == "spam", path) for path in paths]
        if half:
            chosen = [one for one in chosen if one.half == half]
        if limit and len(chosen) > limit:
            chosen = [chosen[n * len(chosen) // limit] for n in range(limit)]
        found += chosen
    return found


def telling_fields() -> tuple[str, ...]:
    """Prefixes of field names that give the verdict or the collecting site away."""
    lines = (shared_folder() / "corpora/leaky_headers.txt").read_text().splitlines()
    return tuple(word.lower() for line in lines if (word := line.partition("#")[0].strip()))


def envelopes() -> dict[str, dict[str, str]]:
    """File name -> row of envelopes.tsv.gz; empty where it is absent."""
    path = shared_folder() / "corpora/envelopes.tsv.gz"
    if not path.exists():
        return {}
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {Path(row["file"]).name: row for row in rows}


def transaction(
    sample: Sample, telling: tuple[str, ...], row: dict[str, str] | None
) -> Transaction:
    """The transaction as a border MTA would have seen it, as far as it is known."""
    whole = Message.from_bytes(sample.path.read_bytes())
    reverse_path = whole.header.value("return-path").strip("<> ")
    kept = [one for one in whole.header if not one.key.startswith(telling)]
    message = Message(Header(kept), whole.body)
    session = Session(client=client_address("192.0.2.1"), helo="unknown")
    recipients: tuple[str, ...] = ()
    if row:
        session = Session(
            client=client_address(row["client_ip"] or "192.0.2.1"),
            client_name=row["rdns"],
            helo=row["helo"],
        )
        reverse_path = row["mail_from"].strip("<>")
        recipients = tuple(one for one in [row["rcpt_to"].strip("<>")] if one)
    return Transaction(
        session=session,
        envelope=Envelope(reverse_path=reverse_path, recipients=recipients),
        message=message,
        stage=Stage.EOM,
    )


def no_dns(_question: Question) -> Answer:
    return Answer(Status.NXDOMAIN)


def judge(
    tx: Transaction, rules: RuleSet, table: ScoreTable, clock: FixedClock
) -> dict[str, float]:
    """Symbol -> points of every hit."""
    services = Services(ask=no_dns, clock=clock, rules=rules)
    evidence: list[Evidence] = tx.evidence
    for check in CHECKS:
        evidence.extend(check.run(tx, check.settings(), services))
    points = {hit.symbol: hit.points for hit in table.apply(evidence)[0]}
    evidence.extend(rules.compose(tx, points))
    return {hit.symbol: hit.points for hit in table.apply(evidence)[0]}


def judged(
    chosen: Iterable[Sample], rules: RuleSet, *, with_envelope: bool = False
) -> Iterator[Seen]:
    """Each sample with what was said of it."""
    telling = telling_fields()
    rows = envelopes() if with_envelope else {}
    table = ScoreTable(rules.scores, rules.groups)
    clock = FixedClock(1_780_000_000.0)
    for sample in chosen:
        tx = transaction(sample, telling, rows.get(sample.path.name))
        started = time.thread_time()
        points = judge(tx, rules, table, clock)
        spent = (time.thread_time() - started) * 1000
        yield Seen(sample, round(sum(points.values()), 2), points, spent)


@dataclass(slots=True)
class Rates:
    """The figures of one set."""

    ham: int = 0
    spam: int = 0
    ham_tagged: int = 0
    ham_rejected: int = 0
    spam_tagged: int = 0
    spam_rejected: int = 0

    def add(self, seen: Seen) -> None:
        tagged, rejected = seen.score >= TAG, seen.score >= REJECT
        if seen.sample.is_spam:
            self.spam += 1
            self.spam_tagged += tagged
            self.spam_rejected += rejected
        else:
            self.ham += 1
            self.ham_tagged += tagged
            self.ham_rejected += rejected

    def line(self, name: str) -> str:
        false = 100 * self.ham_tagged / self.ham if self.ham else 0.0
        recall = 100 * self.spam_tagged / self.spam if self.spam else 0.0
        return (
            f"{name:26} ham {self.ham:5}  FP tag {self.ham_tagged:4} ({false:5.2f} %)"
            f"  reject {self.ham_rejected:2}   spam {self.spam:5}  tagged {recall:5.1f} %"
            f"  rejected {100 * self.spam_rejected / max(1, self.spam):5.1f} %"
        )


def main() -> None:
    """Print the table, and what was asked for beside it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--set", action="append", choices=SETS, help="only this set")
    parser.add_argument("--half", choices=("a", "b"), default="")
    parser.add_argument("--limit", type=int, default=0, help="messages of each kind a set")
    parser.add_argument("--symbols", action="store_true", help="hit rates of each symbol")
    parser.add_argument("--only", default="", help="with --symbols: symbols that begin so")
    parser.add_argument("--missed", type=int, default=0, help="list N spam below the threshold")
    parser.add_argument("--wrong", action="store_true", help="list ham above the threshold")
    parser.add_argument("--envelope", action="store_true", help="use envelopes.tsv.gz")
    parser.add_argument("--save", type=Path, help="write one JSON line a message")
    chosen = parser.parse_args()
    rules = load(RuleSettings(directory=Path("/nonexistent")))
    out = sys.stdout.write
    lines = []
    for name in chosen.set or SETS:
        if not (shared_folder() / f"corpora/{name}.tar.gz").exists():
            continue
        rates, spam, ham, spent, missed = Rates(), Counter[str](), Counter[str](), [], 0
        found = samples(name, chosen.half, chosen.limit)
        for seen in judged(found, rules, with_envelope=chosen.envelope):
            rates.add(seen)
            spent.append(seen.milliseconds)
            (spam if seen.sample.is_spam else ham).update(seen.points.keys())
            told = " ".join(
                f"{k}={v:g}" for k, v in sorted(seen.points.items(), key=lambda i: -i[1])
            )
            if chosen.wrong and not seen.sample.is_spam and seen.score >= TAG:
                out(f"  wrong  {seen.score:5.1f} {seen.sample.path.name}: {told}\n")
            if seen.sample.is_spam and seen.score < TAG and missed < chosen.missed:
                missed += 1
                out(f"  missed {seen.score:5.1f} {seen.sample.path.name}: {told}\n")
            lines.append(
                json.dumps([name, seen.sample.is_spam, seen.sample.path.name, seen.points])
            )
        out(rates.line(name) + f"  {sum(spent) / max(1, len(spent)):.2f} ms\n")
        if chosen.symbols:
            _print_symbols(spam, ham, rates, rules, chosen.only)
    if chosen.save:
        chosen.save.write_text("\n".join(lines) + "\n")


def _print_symbols(
    spam: Counter[str], ham: Counter[str], rates: Rates, rules: RuleSet, only: str
) -> None:
    for symbol in sorted({*spam, *ham}, key=lambda one: -spam[one]):
        if symbol.startswith(only):
            score = rules.scores.get(symbol)
            sys.stdout.write(
                f"    {symbol:28} {score.points if score else 0:5.2f}"
                f"  spam {100 * spam[symbol] / max(1, rates.spam):6.2f} %"
                f"  ham {100 * ham[symbol] / max(1, rates.ham):6.2f} %\n"
            )


if __name__ == "__main__":
    main()

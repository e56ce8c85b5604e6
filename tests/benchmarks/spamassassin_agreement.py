"""spamassassin_agreement - do imported SpamAssassin rules hit what they hit in SpamAssassin itself?

Owns:   running Debian's spamassassin (no network) and our import over the same messages, the comparison
        rule by rule. Needs the package spamassassin and shared/corpora; leaves both alone.

    python -m tests.benchmarks.spamassassin_agreement [--limit N] [--reference FILE] [--rules DIR]
        [--worst N] [--only NAME] [--show NAME]

A pair is a rule that we accept and a message where it hits in either; the figure is the share of pairs in
which it hits in both. `--reference` keeps SpamAssassin's answers in a file and uses them again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from filterd.core.stage import Stage
from filterd.core.transaction import Envelope, Session, Transaction
from filterd.mail.message import Message
from filterd.ruleset.ruleset import cf_files
from filterd.ruleset.spamassassin.program import Program, load
from filterd.ruleset.spamassassin.source import Kind
from tests.support.shared import messages

SCRIPT = Path(__file__).with_name("spamassassin_hits.pl")
SETS = (
    "spamassassin",
    "trec07p-000001-015000",
    "csdmc2010-new",
    "vger-mixed-2019-2021",
    "lists-ham-2019-2022",
    "foff-milter-40pct",
)


def sample(limit: int) -> list[Path]:
    """`limit` messages of each kind of each set."""
    return [
        path
        for name in SETS
        for kind in ("ham", "spam")
        for path in messages(name, kind, limit)
    ]


def reference(paths: Iterable[Path]) -> Iterator[tuple[Path, set[str]]]:
    """What SpamAssassin hits in each message, sub-rules too."""
    with tempfile.TemporaryDirectory() as home:
        run = subprocess.run(
            ["perl", "-T", "-I/usr/share/perl5", str(SCRIPT)],
            input="".join(f"{path}\n" for path in paths),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "FILTERD_SA_HOME": home},
        )
    for line in run.stdout.splitlines():
        name, _, hits = line.partition("\t")
        yield Path(name), set(filter(None, hits.split(",")))


def kept(paths: list[Path], file: Path | None) -> dict[Path, set[str]]:
    if file is not None and file.exists():
        lines = (line.partition("\t") for line in file.read_text().splitlines())
        return {Path(name): set(filter(None, hits.split(","))) for name, _, hits in lines}
    found = dict(reference(paths))
    if file is not None:
        file.write_text("".join(f"{p}\t{','.join(sorted(h))}\n" for p, h in found.items()))
    return found


def transaction(path: Path) -> Transaction:
    """The message as SpamAssassin sees a file: no session, the sender of Return-Path."""
    message = Message.from_bytes(path.read_bytes())
    sender = message.header.value("return-path").strip("<> ")
    return Transaction(Session(), Envelope(sender), message, Stage.EOM)


def compare(
    program: Program, known: dict[Path, set[str]], names: set[str]
) -> tuple[Counter[str], Counter[str], Counter[str], float]:
    """(both, only SpamAssassin, only we) by rule, and our CPU seconds."""
    both, theirs, ours = Counter[str](), Counter[str](), Counter[str]()
    spent = 0.0
    for path, hits in known.items():
        tx = transaction(path)
        started = time.thread_time()
        found = set(program.match(tx)) & names
        spent += time.thread_time() - started
        hits = hits & names
        both.update(found & hits)
        theirs.update(hits - found)
        ours.update(found - hits)
    return both, theirs, ours, spent


def main() -> None:
    """Print the figures, and the rules that differ most."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--rules", type=Path, default=Path("/usr/share/spamassassin"))
    parser.add_argument("--worst", type=int, default=25)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", default="")
    chosen = parser.parse_args()
    known = kept(sample(chosen.limit), chosen.reference)
    started = time.process_time()
    program = load(cf_files([chosen.rules]))
    print(f"loaded {len(program.rules)} rules in {time.process_time() - started:.2f} s CPU")
    wanted = {Kind.HEADER, Kind.BODY, Kind.RAWBODY, Kind.URI, Kind.META}
    looked = [name for name, rule in program.rules.items() if rule.kind in wanted]
    accepted = {name for name in looked if name in program.accepted}
    print(
        f"accepted {len(accepted)} of {len(looked)}: {100 * len(accepted) / len(looked):.2f} %"
    )
    names = {name for name in accepted if name.startswith(chosen.only)}
    if chosen.show:
        _show(program, known, chosen.show)
        return
    both, theirs, ours, spent = compare(program, known, names)
    pairs = sum(both.values()) + sum(theirs.values()) + sum(ours.values())
    print(f"{len(known)} messages, {1000 * spent / len(known):.1f} ms CPU each, {pairs} pairs")
    print(
        f"agree in {100 * sum(both.values()) / pairs:.3f} %; steps exhausted {sum(program.exhausted.values())}"
    )
    print("exhausted:", dict(program.exhausted.most_common(10)))
    differing = Counter({n: theirs[n] + ours[n] for n in {*theirs, *ours}})
    for name, _ in differing.most_common(chosen.worst):
        kind = program.rules[name].kind.value
        print(
            f"  {name:36} {kind:8} both {both[name]:5} theirs {theirs[name]:4} ours {ours[name]:4}"
        )


def _show(program: Program, known: dict[Path, set[str]], name: str) -> None:
    print(program.rules[name])
    for path, hits in known.items():
        is_ours = name in program.match(transaction(path))
        if is_ours is not (name in hits):
            print("ours" if is_ours else "theirs", path)


if __name__ == "__main__":
    main()

"""classifiers - ours beside bogofilter, SpamAssassin's Bayes and rspamd's Bayes, on the same files.

usage: python -m tests.benchmarks.classifiers [--set NAME]... [--contender NAME]... [--limit N] [--json]

Each set is split into training and test mail; fields that give verdict or site away (shared/corpora/
leaky_headers.txt) are taken out of all copies first. Every contender learns the same training files, class by
class as its own tool does it, and scores the same test files. The rivals come from Debian's packages
(bogofilter, spamassassin, rspamd + redis-server); one that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from filterd.classify.classifier import Scoring
from filterd.classify.corpus import Labelled
from filterd.classify.features import extract
from filterd.classify.gather import arrived, from_paths
from filterd.classify.metrics import figures
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import TrainingSet
from filterd.classify.train import train
from filterd.mail.message import Message
from tests.support.redisserver import RedisServer
from tests.support.shared import corpus, shared_path

ARCHIVES = {
    "spamassassin": "spamassassin",
    "csdmc": "csdmc2010-new",
    "vger": "vger-mixed-2019-2021",
    "lists": "lists-ham-2019-2022",
    "foff": "foff-milter-40pct",
    "trec": "trec07p-000001-015000",
}


@dataclass(frozen=True)
class Mail:
    """One message of a set."""

    path: Path
    is_spam: bool
    source: str
    at: float


@dataclass(frozen=True)
class Split:
    """What is learned, and what is scored."""

    train: list[Mail]
    test: list[Mail]


# -- mail ----------------------------------------------------------------------------------------


class Mailroom:
    """Copies of the corpora without the leaky fields."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        listed = shared_path("corpora/leaky_headers.txt").read_text().splitlines()
        names = [line.partition("#")[0].strip().lower() for line in listed]
        self._leaky = tuple(name.encode() for name in names if name)
        self._read: dict[str, list[Mail]] = {}

    def all(self, name: str) -> list[Mail]:
        if name not in self._read:
            self._read[name] = list(self._copy(name))
        return self._read[name]

    def _copy(self, name: str) -> Iterable[Mail]:
        top = corpus(ARCHIVES[name])
        for kind in ("ham", "spam"):
            target = self._folder / name / kind
            target.mkdir(parents=True, exist_ok=True)
            paths = sorted(p for p in top.rglob("*") if p.is_file() and kind in p.parts)
            for number, path in enumerate(paths):
                raw = self.without_leaks(path.read_bytes())
                copy = target / f"{number:05d}"
                copy.write_bytes(raw)
                at = arrived(Message.from_bytes(raw))
                if name == "trec":  # its number is the order of delivery
                    at = float(path.name.rpartition(".")[2])
                yield Mail(copy, kind == "spam", f"{name}/{kind}", at)

    def without_leaks(self, raw: bytes) -> bytes:
        raw = raw.replace(b"\r\n", b"\n")
        if raw.startswith(b"From "):
            raw = raw.partition(b"\n")[2]
        head, gap, body = raw.partition(b"\n\n")
        kept: list[bytes] = []
        is_kept = True
        for line in head.split(b"\n"):
            if line[:1] not in {b" ", b"\t"}:
                is_kept = not line.lower().startswith(self._leaky)
            if is_kept:
                kept.append(line)
        return b"\n".join(kept) + gap + body


def halves(mails: Sequence[Mail]) -> Split:
    """A random half to learn, the other to score; the same in every run."""
    first = [
        m for m in mails if zlib.crc32(str(m.path.relative_to(m.path.parents[2])).encode()) % 2
    ]
    chosen = set(map(id, first))
    return Split(first, [m for m in mails if id(m) not in chosen])


def by_time(mails: Sequence[Mail], share: float) -> Split:
    """The older share of each class to learn."""
    train_mails: list[Mail] = []
    test: list[Mail] = []
    for is_spam in (False, True):
        ordered = sorted(
            (m for m in mails if m.is_spam is is_spam), key=lambda m: (m.at, m.path)
        )
        cut = int(share * len(ordered))
        train_mails += ordered[:cut]
        test += ordered[cut:]
    return Split(train_mails, test)


def by_sender(mails: Sequence[Mail]) -> Split:
    """Half of the sender domains to learn, the other half to score."""

    def is_first(mail: Mail) -> bool:
        mailboxes = Message.from_bytes(mail.path.read_bytes()).author.mailboxes
        site = ".".join(mailboxes[0].domain.rsplit(".", 2)[-2:]) if mailboxes else ""
        return bool(zlib.crc32(site.encode()) & 1)

    first = [m for m in mails if is_first(m)]
    chosen = set(map(id, first))
    return Split(first, [m for m in mails if id(m) not in chosen])


def modern(room: Mailroom) -> Split:
    """Everything but commercial mail and half of that; the other half is scored."""
    foff = by_sender(room.all("foff"))
    rest = chain.from_iterable(room.all(n) for n in ("vger", "lists", "spamassassin", "csdmc"))
    return Split([*rest, *foff.train], foff.test)


def stream(room: Mailroom) -> Split:
    """trec07p: messages 1-4,000 are learned, the next 5,000 scored."""
    mails = sorted(room.all("trec"), key=lambda m: m.at)
    return Split(mails[:4000], mails[4000:9000])


SETS: dict[str, Callable[[Mailroom], Split]] = {
    "spamassassin halves": lambda room: halves(room.all("spamassassin")),
    "spamassassin by time": lambda room: by_time(room.all("spamassassin"), 0.5),
    "csdmc halves": lambda room: halves(room.all("csdmc")),
    "vger by time": lambda room: by_time(room.all("vger"), 0.6),
    "commercial by sender": modern,
    "trec07p 4000+5000": stream,
}


# -- contenders ----------------------------------------------------------------------------------


def ours(split: Split, folder: Path) -> tuple[list[float], float]:
    """Log odds of the test mail, and seconds of training; from local mail alone, nothing shipped."""
    settings = ClassifierSettings()
    started = time.perf_counter()
    with TrainingSet(folder) as examples:
        stream_in = (
            Labelled(m.path.read_bytes(), m.is_spam, str(m.path), m.source) for m in split.train
        )
        sources = {m.source for m in split.train}
        from_paths(stream_in, examples, by_kind=len(sources) <= 2)
        model = train(examples, np.arange(len(examples)), settings, None).model
    seconds = time.perf_counter() - started
    scoring = Scoring(settings, None, model)
    odds = [
        scoring.log_odds(extract(Message.from_bytes(m.path.read_bytes()))) for m in split.test
    ]
    return odds, seconds


def bogofilter(split: Split, folder: Path) -> tuple[list[float], float]:
    base = ["bogofilter", "-d", str(folder), "-C"]
    started = time.perf_counter()
    for is_spam, flag in ((True, "-s"), (False, "-n")):
        names = _names(m for m in split.train if m.is_spam is is_spam)
        subprocess.run([*base, flag, "-b"], input=names, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    done = subprocess.run(
        [*base, "-TT", "-b"], input=_names(split.test), capture_output=True, check=False
    )
    found: dict[str, float] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        path, _, score = line.strip().rpartition(" ")
        found[path] = float(score)
    return _in_order(split.test, found), seconds


_PERL = r"""
use strict; use Mail::SpamAssassin;
my $sa = Mail::SpamAssassin->new({dont_copy_prefs => 1, local_tests_only => 1, site_rules_filename => $ARGV[0],
  rules_filename => $ARGV[0], userprefs_filename => $ARGV[0], userstate_dir => $ARGV[1]});
$sa->init(1); my $bayes = $sa->call_plugins("learner_get_implementation"); $sa->init_learner({learn_to_journal => 0}) if $ARGV[2] eq 'learn';
while (my $line = <STDIN>) { chomp $line; my ($kind, $path) = split / /, $line, 2;
  open(my $in, '<', $path) or next; local $/; my $raw = <$in>; close $in; local $/ = "\n";
  my $mail = $sa->parse($raw, 1);
  if ($ARGV[2] eq 'learn') { my $s = $sa->learn($mail, undef, $kind eq 'spam' ? 1 : 0, 0); $s->finish if $s; }
  else { my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $mail); $pms->extract_message_metadata();
    my $p = $bayes->scan($pms, $mail); $p = 0.5 unless defined $p; print "$path $p\n"; $pms->finish; }
  $mail->finish; }
$sa->finish_learner() if $ARGV[2] eq 'learn';
"""


def spamassassin(split: Split, folder: Path) -> tuple[list[float], float]:
    config = folder / "local.cf"
    config.write_text(
        "loadplugin Mail::SpamAssassin::Plugin::Bayes\nuse_bayes 1\nbayes_auto_learn 0\n"
        f"bayes_path {folder}/bayes\nbayes_min_ham_num 1\nbayes_min_spam_num 1\nbayes_auto_expire 0\n"
        "body BAYES_50 eval:check_bayes('0.4','0.6')\n"
    )
    command = ["perl", "-e", _PERL, str(config), str(folder)]
    lines = "".join(f"{'spam' if m.is_spam else 'ham'} {m.path}\n" for m in split.train)
    started = time.perf_counter()
    subprocess.run([*command, "learn"], input=lines.encode(), check=True, capture_output=True)
    seconds = time.perf_counter() - started
    lines = "".join(f"x {m.path}\n" for m in split.test)
    done = subprocess.run(
        [*command, "score"], input=lines.encode(), check=True, capture_output=True
    )
    found = {}
    for line in done.stdout.decode().splitlines():
        path, _, score = line.rpartition(" ")
        found[path] = float(score)
    return _in_order(split.test, found), seconds


_RSPAMD = """
options {{ pidfile = "{folder}/pid"; dns {{ timeout = 0.1s; retransmits = 1; nameserver = ["127.0.0.1:1"]; }}
  filters = []; }}
logging {{ type = "file"; filename = "{folder}/log"; level = "error"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
worker "controller" {{ bind_socket = "127.0.0.1:{control}"; count = 1; secure_ip = ["127.0.0.1"]; }}
redis {{ servers = "127.0.0.1:{redis}"; }}
actions {{ reject = 999; }}
classifier "bayes" {{ tokenizer {{ name = "osb"; }} backend = "redis"; servers = "127.0.0.1:{redis}";
  min_tokens = 1; min_learns = 1; autolearn = false; new_schema = true; expire = 8640000;
  statfile {{ symbol = "BAYES_HAM"; spam = false; }} statfile {{ symbol = "BAYES_SPAM"; spam = true; }} }}
metric "default" {{ symbol "BAYES_SPAM" {{ weight = 1.0; }} symbol "BAYES_HAM" {{ weight = -1.0; }} }}
"""


def rspamd(split: Split, folder: Path) -> tuple[list[float], float]:
    with ExitStack() as stack:
        store = stack.enter_context(RedisServer(folder / "redis"))
        port, control = _free_port(), _free_port()
        folder.chmod(0o755)
        config = folder / "rspamd.conf"
        config.write_text(
            _RSPAMD.format(folder=folder, port=port, control=control, redis=store.port)
        )
        log = stack.enter_context((folder / "out").open("wb"))
        command = ["rspamd", "-f", "--insecure", "-u", "root", "-g", "root", "-c", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        stack.callback(process.wait, 20)
        stack.callback(process.terminate)
        _wait_for(f"http://127.0.0.1:{control}/ping", folder)
        started = time.perf_counter()
        for mail in split.train:
            _post(
                f"http://127.0.0.1:{control}/learn{'spam' if mail.is_spam else 'ham'}",
                mail.path,
            )
        seconds = time.perf_counter() - started
        return [_rspamd_score(port, mail.path) for mail in split.test], seconds


def _rspamd_score(port: int, path: Path) -> float:
    """Probability of spam in -1..1 as its symbols say it; 0 where it says nothing."""
    found = json.loads(_post(f"http://127.0.0.1:{port}/checkv2", path) or b"{}")
    for name, sign in (("BAYES_SPAM", 1.0), ("BAYES_HAM", -1.0)):
        symbol = found.get("symbols", {}).get(name)
        if symbol:
            return sign * abs(float(symbol["score"]))
    return 0.0


def _post(url: str, path: Path) -> bytes:
    request = urllib.request.Request(url, data=path.read_bytes(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:  # "already learned": nothing to do
        return error.read() if error.code < 500 else b""


def _wait_for(url: str, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"rspamd does not answer; see {folder}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _names(mails: Iterable[Mail]) -> bytes:
    return "".join(f"{mail.path}\n" for mail in mails).encode()


def _in_order(mails: Sequence[Mail], found: dict[str, float]) -> list[float]:
    missing = [mail for mail in mails if str(mail.path) not in found]
    if len(missing) > len(mails) // 100:
        raise RuntimeError(f"{len(missing)} of {len(mails)} messages have no score")
    return [found.get(str(mail.path), 0.5) for mail in mails]


CONTENDERS: dict[str, tuple[Callable[[Split, Path], tuple[list[float], float]], str]] = {
    "filterd": (ours, "python3"),
    "bogofilter": (bogofilter, "bogofilter"),
    "spamassassin": (spamassassin, "sa-learn"),
    "rspamd": (rspamd, "rspamd"),
}


# -- the run -------------------------------------------------------------------------------------


def thinned(split: Split, limit: int | None) -> Split:
    """Evenly thinned to about `limit` messages on each side."""

    def some(mails: list[Mail]) -> list[Mail]:
        if limit is None or len(mails) <= limit:
            return mails
        return [mails[index * len(mails) // limit] for index in range(limit)]

    return Split(some(split.train), some(split.test))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", action="append", choices=list(SETS), dest="sets")
    parser.add_argument("--contender", action="append", choices=list(CONTENDERS))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    folder = Path(tempfile.mkdtemp(prefix="filterd-classifiers-"))
    try:
        room = Mailroom(folder / "mail")
        for name in given.sets or SETS:
            split = thinned(SETS[name](room), given.limit)
            truth = [mail.is_spam for mail in split.test]
            for contender in given.contender or CONTENDERS:
                run, program = CONTENDERS[contender]
                if contender != "filterd" and shutil.which(program) is None:
                    print(f"{contender}: {program} is not installed", file=sys.stderr)
                    continue
                home = folder / f"{contender} {name}".replace(" ", "-")
                home.mkdir()
                started = time.perf_counter()
                scores, seconds = run(split, home)
                scoring = time.perf_counter() - started - seconds
                found = figures(truth, scores)
                row = {
                    "set": name, "contender": contender, "trained": len(split.train),
                    "tested": len(split.test), "one_minus_auc_percent": found.one_minus_auc_percent,
                    "fp_at_fn_1_percent": found.fp_at_fn_1_percent,
                    "fn_at_fp_0_1_percent": found.fn_at_fp_0_1_percent,
                    "learned_per_second": round(len(split.train) / max(seconds, 1e-9)),
                    "scored_per_second": round(len(split.test) / max(scoring, 1e-9)),
                }  # fmt: skip
                rows.append(row)
                if not given.json:
                    print(
                        f"{name:22} {contender:12} (1-AUC) {found.one_minus_auc_percent:8.4f} %"
                        f"  FP at FN 1 % {found.fp_at_fn_1_percent:7.3f}"
                        f"  FN at FP 0.1 % {found.fn_at_fp_0_1_percent:7.2f}"
                        f"  learned/s {row['learned_per_second']:5} scored/s {row['scored_per_second']:5}",
                        flush=True,
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        print(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    sys.exit(main())

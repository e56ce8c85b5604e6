"""classifier_bars - the classifier against its bars, each by the protocol that it is stated with.

usage: python -m tests.benchmarks.classifier_bars [BAR]...       (all of them take half an hour on one core)

online       first 15,000 of trec07p in order: (1-AUC) <= 0.005 %, 400 messages/s
folds        vger and lists in five folds, trained on the rest of them and on spamassassin, csdmc:
             vger <= 0.02 %, and none of the 3,600 ham at p >= 0.95
later        the newest 40 % of vger, trained on the older 60 %, lists, spamassassin, csdmc: <= 0.02 %, ECE <= 0.02
unseen       commercial mail, trained on everything else: <= 10 %
half         commercial mail, half of the sender domains learned, three splits: <= 2.5 %
whole        the whole filter without network, trained on the older 60 % of vger and lists, half of the commercial
             sender domains, spamassassin and csdmc, tested on the rest: recall at 0.1 % false positives over
             all of its ham >= 90 % (list spam), 87 % (snowshoe); no commercial ham at the reject threshold
cost         features and score of one message beyond what the other checks parse: 0.4 ms at 5 kB, 0.9 ms at 20 kB
memory       what the shipped model adds to master and two workers: 20 MB
Nothing shipped takes part except in `online`, `cost` and `memory`; fields of shared/corpora/leaky_headers.txt
are taken out. There is no phish in shared/corpora, so that bar of the whole filter is not measured here.
"""

from __future__ import annotations

import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from filterd.app import App
from filterd.classify import open_classifier
from filterd.classify.classifier import Scoring
from filterd.classify.features import extract
from filterd.classify.fit import Numbers
from filterd.classify.home import Home
from filterd.classify.local import Fitted
from filterd.classify.metrics import figures, threshold_at_fp
from filterd.classify.online import replay
from filterd.classify.publish import manifest_of, put_in_force, store
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import Example, TrainingSet
from filterd.classify.train import calibrate, fit, fold_numbers, log_odds, train
from filterd.classify.train import scores as raw_scores
from filterd.config.load import load
from filterd.core.clock import FixedClock
from filterd.core.stage import Stage
from filterd.core.transaction import Envelope, Session, Transaction, client_address
from filterd.mail.message import Message
from filterd.ruleset import RuleSettings
from filterd.ruleset import load as load_rules
from filterd.scan.score import ScoreTable
from filterd.scan.submit import submission
from tests.benchmarks.classifiers import Mail, Mailroom, by_time
from tests.benchmarks.heuristics_rates import judge
from tests.benchmarks.load import measure
from tests.support.shared import corpus
from tests.support.speed import YARDSTICK, yardstick

SETTINGS = ClassifierSettings()
SURE = float(np.log(0.95 / 0.05))
OLD = ("spamassassin", "csdmc")
OTHERS = ("lists", *OLD)
SPLITS = "abc"
ROUNDS = 5


class Shelf:
    """The sets, and the features of their mail on disk: each message is read once, when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.room = Mailroom(folder / "mail")
        self.examples = TrainingSet(folder)
        self.mails: list[Mail] = []
        self._sets: dict[str, Numbers] = {}

    def numbers(self, *names: str) -> Numbers:
        """The numbers of all messages of these sets."""
        return np.concatenate([self._set(name) for name in names])

    def _set(self, name: str) -> Numbers:
        if name not in self._sets:
            first = len(self.mails)
            for mail in self.room.all(name):
                features = extract(Message.from_bytes(mail.path.read_bytes()))
                self.examples.add(features, Example(mail.is_spam, mail.at, name, ""))
                self.mails.append(mail)
            self._sets[name] = np.arange(first, len(self.mails))
        return self._sets[name]

    def later(self, name: str) -> tuple[Numbers, Numbers]:
        """The older 60 % of each class, and the newest 40 %."""
        numbers = self.numbers(name)
        newest = {mail.path for mail in by_time([self.mails[n] for n in numbers], 0.6).test}
        is_new = np.array([self.mails[n].path in newest for n in numbers])
        return numbers[~is_new], numbers[is_new]

    def halves(self, salt: str) -> tuple[Numbers, Numbers]:
        """Commercial mail of one half of the sender domains, and of the other."""
        numbers = self.numbers("foff")
        sites = (site(self.mails[n]) for n in numbers)
        side = np.array([bool(zlib.crc32((salt + each).encode()) & 1) for each in sites])
        return numbers[side], numbers[~side]

    def model(self, learned: Numbers) -> Fitted:
        """A model of these messages alone."""
        return train(self.examples, learned, SETTINGS, None).model

    def odds(self, learned: Numbers, tested: Numbers) -> NDArray[np.float64]:
        """Log odds of the tested mail by a model of the learned mail alone."""
        return log_odds(self.examples, tested, Scoring(SETTINGS, None, self.model(learned)))


def site(mail: Mail) -> str:
    mailboxes = Message.from_bytes(mail.path.read_bytes()).author.mailboxes
    return ".".join(mailboxes[0].domain.rsplit(".", 2)[-2:]) if mailboxes else ""


def show(bar: str, truth: NDArray[np.bool_], odds: NDArray[np.float64]) -> None:
    found = figures(truth, odds)
    print(
        f"{bar:8} {found.spam} spam {found.ham} ham  (1-AUC) {found.one_minus_auc_percent:.4f} %"
        f"  FN at FP 0.1 % {found.fn_at_fp_0_1_percent:.2f}"
        f"  ham at p >= 0.95: {int((odds[~truth] >= SURE).sum())}"
        f"  ECE {found.calibration_error:.4f}",
        flush=True,
    )


def online(_: Shelf, folder: Path) -> None:
    paths = [path for path in corpus("trec07p-000001-015000").rglob("inmail.*")]
    ordered = sorted(paths, key=lambda path: int(path.suffix[1:]))
    classifier = open_classifier(SETTINGS, folder)
    assert classifier is not None
    slow = [yardstick() / YARDSTICK]
    started = time.process_time()
    stream = [("spam" in path.parts, path) for path in ordered]
    found = replay(stream, SETTINGS, classifier.shipped).figures
    rate = len(stream) / (time.process_time() - started)
    slow.append(yardstick() / YARDSTICK)
    print(
        f"online   (1-AUC) {found.one_minus_auc_percent:.4f} %  {rate:.0f}/s of CPU,"
        f" on the machine of the budgets {rate * float(np.mean(slow)):.0f}/s",
        flush=True,
    )


def folds(shelf: Shelf, folder: Path) -> None:
    old, vger, lists = shelf.numbers(*OLD), shelf.numbers("vger"), shelf.numbers("lists")
    both = np.concatenate((vger, lists))
    truth = shelf.examples.is_spam[both]
    raw, odds = np.zeros(len(both)), np.zeros(len(both))
    for first, second in fold_numbers(len(both)):
        model = fit(shelf.examples, np.concatenate((old, both[first])))
        raw[second] = raw_scores(shelf.examples, both[second], model)
    for first, second in fold_numbers(
        len(both)
    ):  # calibrated as `evaluate --cross-validate` does
        found = calibrate(truth[first], raw[first])
        odds[second] = found.slope * raw[second] + found.intercept
    show("folds", truth[: len(vger)], odds[: len(vger)])
    ham = odds[~truth]
    print(f"folds    {len(ham)} ham, at p >= 0.95: {int((ham >= SURE).sum())}", flush=True)


def later(shelf: Shelf, folder: Path) -> None:
    others = shelf.numbers(*OTHERS)
    older, newer = shelf.later("vger")
    odds = shelf.odds(np.concatenate((others, older)), newer)
    show("later", shelf.examples.is_spam[newer], odds)


def unseen(shelf: Shelf, folder: Path) -> None:
    foff = shelf.numbers("foff")
    odds = shelf.odds(shelf.numbers("vger", *OTHERS), foff)
    show("unseen", shelf.examples.is_spam[foff], odds)


def half(shelf: Shelf, folder: Path) -> None:
    others = shelf.numbers("vger", *OTHERS)
    for salt in SPLITS:
        one, two = shelf.halves(salt)
        odds = [
            shelf.odds(np.concatenate((others, learned)), tested)
            for learned, tested in ((one, two), (two, one))
        ]
        tested = np.concatenate((two, one))
        show(f"half {salt}", shelf.examples.is_spam[tested], np.concatenate(odds))


def whole(shelf: Shelf, folder: Path) -> None:
    kinds = [shelf.later(name) for name in ("vger", "lists")]
    one, two = shelf.halves(SPLITS[0])
    old = shelf.numbers(*OLD)
    numbers: list[Numbers] = []
    said: list[
        NDArray[np.float64]
    ] = []  # rows of the whole filter's score, the classifier's log odds
    for learned, other in ((one, two), (two, one)):
        model = shelf.model(np.concatenate((old, *(older for older, _ in kinds), learned)))
        tested = np.concatenate((*(newer for _, newer in kinds), other))
        state = Path(tempfile.mkdtemp(dir=folder))
        in_force(model, state)
        points = scores([shelf.mails[n] for n in tested], state)
        odds = log_odds(shelf.examples, tested, Scoring(SETTINGS, None, model))
        numbers.append(tested)
        said.append(np.column_stack((list(points), odds)))
    tested, both = np.concatenate(numbers), np.concatenate(said)
    truth = shelf.examples.is_spam[tested]
    limits = [threshold_at_fp(truth, column, 0.001) for column in both.T]
    reject = load(None, {}).settings.thresholds.reject
    source = shelf.examples.source[tested]
    for place in np.unique(source).tolist():
        for is_spam in np.unique(truth[source == place]).tolist():
            each = both[(source == place) & (truth == is_spam)]
            above = 100 * (each > limits).mean(axis=0)
            print(
                f"whole    {shelf.examples.sources[place]} {'spam' if is_spam else 'ham'} {len(each)}: "
                f"above {limits[0]:.2f} {above[0]:.2f} %, at reject {int((each[:, 0] >= reject).sum())}, "
                f"highest {each[:, 0].max():.2f}; by the classifier alone {above[1]:.2f} %",
                flush=True,
            )


def in_force(model: Fitted, state: Path) -> None:
    """Publish a model in a state directory."""
    facts = manifest_of(model, trained_on=[], measured={}, journal_position=0, notes={})
    put_in_force(
        Home(state), store(Home(state), model, facts, 0).manifest.id, "retrain", 0, None
    )


def scores(mails: Sequence[Mail], state: Path) -> Iterable[float]:
    """What the whole filter says, as `filterd scan --no-dns` does, of that state and nothing shipped."""
    chosen = {"state_dir": str(state), "classifier.model": str(state / "nothing")}
    with App().build_scanner(
        load(None, chosen).settings, no_dns=True, state="memory"
    ) as scanner:
        for mail in mails:
            yield scanner.scan(submission(mail.path.read_bytes())).score


def cost(shelf: Shelf, folder: Path) -> None:
    classifier = open_classifier(SETTINGS, folder)
    assert classifier is not None
    scoring = classifier.refresh()
    rules = load_rules(RuleSettings(directory=Path("/nonexistent")))
    table = ScoreTable(rules.scores, rules.groups)
    sets = ("vger", "lists")
    raws = [mail.path.read_bytes() for name in sets for mail in shelf.room.all(name)]
    for size in (5_000, 20_000):
        near = sorted(raws, key=lambda raw: abs(len(raw) - size))[:60]
        least = np.full((len(near), 2), np.inf)
        speeds = []
        for _ in range(ROUNDS):
            speeds.append(yardstick())
            for number, raw in enumerate(near):
                session = Session(client=client_address("192.0.2.1"), helo="unknown")
                message = Message.from_bytes(raw)
                tx = Transaction(session, Envelope(), message, stage=Stage.EOM)
                judge(tx, rules, table, FixedClock())  # the other checks parse what they share
                started = time.thread_time()
                features = extract(message, is_local=not scoring.is_local_empty)
                scoring.log_odds(features)
                scored = time.thread_time()
                scoring.opinion(features)
                named = time.thread_time() - scored
                least[number] = np.minimum(least[number], (scored - started, named))
        score, opinion = 1000 * np.median(least, axis=0)
        slow = min(speeds) / YARDSTICK
        print(
            f"cost     {size // 1000} kB: {score:.2f} ms, score and tokens {opinion:.2f} ms more;"
            f" on the machine of the budgets {score / slow:.2f} ms",
            flush=True,
        )


def memory(_: Shelf, folder: Path) -> None:
    with_it, without = (
        [measure(300, 8, 0.0, {"milter.workers": 2, **chosen}).pss_mb for _ in range(3)]
        for chosen in ({}, {"classifier.model": str(folder / "nothing")})
    )
    added = float(np.median(with_it) - np.median(without))
    print(f"memory   {with_it} MB, without the model {without} MB: {added:+.1f} MB", flush=True)


BARS = {bar.__name__: bar for bar in (online, folds, later, unseen, half, whole, cost, memory)}


def main() -> int:
    chosen = sys.argv[1:] or list(BARS)
    if not set(chosen) <= set(BARS):
        sys.stderr.write((__doc__ or "") + "\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="filterd-bars-") as name:
        folder = Path(name)
        shelf = Shelf(folder)
        for bar in chosen:
            BARS[bar](shelf, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

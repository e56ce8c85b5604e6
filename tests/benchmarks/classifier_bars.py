"""classifier_bars - the classifier against its bars, each by the protocol that it is stated with.

usage: python -m tests.benchmarks.classifier_bars [BAR]...       (all of them take half an hour on one core)

online       first 15,000 of trec07p in order: (1-AUC) <= 0.005 %, 400 messages/s
folds        vger in five folds, trained on the rest of it and on lists, spamassassin, csdmc: <= 0.02 %,
             and no ham at p >= 0.95
later        the newest 40 % of vger, trained on the older 60 % and the same others: <= 0.02 %, ECE <= 0.02
unseen       commercial mail, trained on everything else: <= 10 %
half         commercial mail, half of the sender domains learned, three splits: <= 2.5 %
cost         features and score of one message beyond shared parsing: 0.4 ms at 5 kB, 0.9 ms at 20 kB
Nothing shipped takes part except in `cost`; fields of shared/corpora/leaky_headers.txt are taken out.
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

from filterd.classify import open_classifier
from filterd.classify.classifier import Scoring
from filterd.classify.features import extract
from filterd.classify.metrics import figures
from filterd.classify.online import replay
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import Example, TrainingSet
from filterd.classify.train import fold_numbers, train
from filterd.mail.message import Message
from tests.benchmarks.classifiers import Mail, Mailroom, by_time
from tests.support.shared import corpus

SETTINGS = ClassifierSettings()
SURE = float(np.log(0.95 / 0.05))
OTHERS = ("lists", "spamassassin", "csdmc")


def odds_of(
    train_mails: Sequence[Mail], test: Iterable[Mail], folder: Path
) -> NDArray[np.float64]:
    """Log odds of the test mail by a model of the training mail alone."""
    with TrainingSet(folder) as examples:
        for mail in train_mails:
            features = extract(Message.from_bytes(mail.path.read_bytes()))
            source = mail.source.partition("/")[0]
            examples.add(features, Example(mail.is_spam, mail.at, source, ""))
        model = train(examples, np.arange(len(examples)), SETTINGS, None).model
    scoring = Scoring(SETTINGS, None, model)
    messages = (Message.from_bytes(mail.path.read_bytes()) for mail in test)
    return np.array([scoring.log_odds(extract(message)) for message in messages])


def show(bar: str, mails: Sequence[Mail], odds: NDArray[np.float64]) -> None:
    truth = np.array([mail.is_spam for mail in mails])
    found = figures(truth, odds)
    print(
        f"{bar:8} {found.spam} spam {found.ham} ham  (1-AUC) {found.one_minus_auc_percent:.4f} %"
        f"  FN at FP 0.1 % {found.fn_at_fp_0_1_percent:.2f}"
        f"  ham at p >= 0.95: {int((odds[~truth] >= SURE).sum())}"
        f"  ECE {found.calibration_error:.4f}",
        flush=True,
    )


def online(room: Mailroom, folder: Path) -> None:
    paths = [path for path in corpus("trec07p-000001-015000").rglob("inmail.*")]
    ordered = sorted(paths, key=lambda path: int(path.suffix[1:]))
    classifier = open_classifier(SETTINGS, folder)
    assert classifier is not None
    started = time.process_time()
    stream = [("spam" in path.parts, path) for path in ordered]
    found = replay(stream, SETTINGS, classifier.shipped).figures
    rate = len(stream) / (time.process_time() - started)
    print(
        f"online   (1-AUC) {found.one_minus_auc_percent:.4f} %  {rate:.0f}/s of CPU", flush=True
    )


def folds(room: Mailroom, folder: Path) -> None:
    mails = room.all("vger")
    others = [mail for name in OTHERS for mail in room.all(name)]
    odds = np.zeros(len(mails))
    for first, second in fold_numbers(len(mails)):
        learned = [*others, *(mails[n] for n in first)]
        odds[second] = odds_of(learned, [mails[n] for n in second], folder)
    show("folds", mails, odds)


def later(room: Mailroom, folder: Path) -> None:
    split = by_time(room.all("vger"), 0.6)
    others = [mail for name in OTHERS for mail in room.all(name)]
    show("later", split.test, odds_of([*others, *split.train], split.test, folder))


def unseen(room: Mailroom, folder: Path) -> None:
    others = [mail for name in ("vger", *OTHERS) for mail in room.all(name)]
    show("unseen", room.all("foff"), odds_of(others, room.all("foff"), folder))


def half(room: Mailroom, folder: Path) -> None:
    others = [mail for name in ("vger", *OTHERS) for mail in room.all(name)]
    mails = room.all("foff")
    for salt in "abc":
        side = np.array([zlib.crc32((salt + site(mail)).encode()) & 1 for mail in mails])
        odds = np.zeros(len(mails))
        for number in (0, 1):
            learned = [m for m, s in zip(mails, side, strict=True) if s != number]
            tested = [m for m, s in zip(mails, side, strict=True) if s == number]
            odds[side == number] = odds_of([*others, *learned], tested, folder)
        show(f"half {salt}", mails, odds)


def site(mail: Mail) -> str:
    mailboxes = Message.from_bytes(mail.path.read_bytes()).author.mailboxes
    return ".".join(mailboxes[0].domain.rsplit(".", 2)[-2:]) if mailboxes else ""


def cost(room: Mailroom, folder: Path) -> None:
    classifier = open_classifier(SETTINGS, folder)
    assert classifier is not None
    for size in (5_000, 20_000):
        raws = [mail.path.read_bytes() for name in ("vger", "lists") for mail in room.all(name)]
        near = sorted(raws, key=lambda raw: abs(len(raw) - size))[:200]
        times = []
        for raw in near:
            message = Message.from_bytes(raw)
            _ = message.text, message.links, message.html, message.parts, message.author
            started = time.thread_time()
            classifier.classify(message)
            times.append(time.thread_time() - started)
        print(
            f"cost     {size // 1000} kB: {1000 * float(np.median(times)):.2f} ms", flush=True
        )


BARS = {bar.__name__: bar for bar in (online, folds, later, unseen, half, cost)}


def main() -> int:
    chosen = sys.argv[1:] or list(BARS)
    if not set(chosen) <= set(BARS):
        sys.stderr.write((__doc__ or "") + "\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="filterd-bars-") as name:
        folder = Path(name)
        room = Mailroom(folder / "mail")
        for bar in chosen:
            BARS[bar](room, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""classifier_curves - what the first local labels are worth: (1-AUC) after 10, 25, 50, 100, 200 of them.

usage: python -m tests.benchmarks.classifier_curves [--draws N] [SET]...

The shipped model is fitted anew without the set. Half of the set (by sender domain for commercial mail, else at
random) gives the labels, drawn at random and learned one by one as `filterd learn` does; the other half is scored.
Mean of the draws: both models with the fading weight, and the local one alone. Half of the commercial mail
is some 100 messages, so its curve ends there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from filterd.classify import open_journal, open_shipped
from filterd.classify.classifier import Scoring
from filterd.classify.features import SHIPPED_VIEWS
from filterd.classify.fit import Numbers, fit_tables
from filterd.classify.home import Home
from filterd.classify.learner import Learner, Said
from filterd.classify.linear import Tables
from filterd.classify.live import LiveModel
from filterd.classify.metrics import figures
from filterd.classify.model import Model, quantised
from filterd.classify.ship import BITS, CLIP
from filterd.classify.train import log_odds
from filterd.core.labels import Kind
from filterd.mail.message import Message
from tests.benchmarks.classifier_bars import SETTINGS, SPLITS, Shelf

LABELS = (10, 25, 50, 100, 200)
SETS = ("foff", "vger", "spamassassin")  # commercial; lists; personal and list mail of 2002
SHIPPED = ("spamassassin", "csdmc", "vger", "lists", "foff")
MOST_TESTED = 1_200


def shipped_without(shelf: Shelf, name: str) -> Model:
    """The shipped model as it would be without that set."""
    numbers = shelf.numbers(*(each for each in SHIPPED if each != name))
    tables = fit_tables(shelf.examples, numbers, SHIPPED_VIEWS, BITS)
    rows, scales = quantised(tables.weights, CLIP)
    manifest = open_shipped(SETTINGS).manifest.model_copy(update={"scales": scales})
    return Model(manifest, Tables(SHIPPED_VIEWS, rows, scales, BITS), None)


def split(shelf: Shelf, name: str, draw: int) -> tuple[Numbers, Numbers]:
    """What may be labelled, in the order of labelling, and what is scored."""
    chance = np.random.default_rng(draw)
    if name == "foff":
        one, two = shelf.halves(SPLITS[draw // 2 % len(SPLITS)])
        pool, tested = (one, two) if draw % 2 else (two, one)
        return chance.permutation(pool), tested
    mixed = chance.permutation(shelf.numbers(name))
    pool, tested = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    return pool, tested[:MOST_TESTED]


def curve(
    shelf: Shelf, shipped: Model, labelled: Numbers, tested: Numbers, state: Path
) -> Iterator[tuple[int, float, float]]:
    """(labels, (1-AUC) of both models, of the local one) in percent."""
    truth = shelf.examples.is_spam[tested]
    learner = Learner(SETTINGS, Home(state), open_journal(state), shipped)

    def losses() -> Iterator[float]:
        live = LiveModel.open(learner.home.live_path(learner.home.prepare()))
        for prior in (shipped, None):
            odds = log_odds(shelf.examples, tested, Scoring(SETTINGS, prior, live))
            yield figures(truth, odds).one_minus_auc_percent or 0.0

    done = 0
    for count in (0, *LABELS):
        if count > len(labelled):
            return
        for mail in (shelf.mails[n] for n in labelled[done:count]):
            message = Message.from_bytes(mail.path.read_bytes())
            learner.learn([Said(message, Kind.SPAM if mail.is_spam else Kind.HAM, 0.0)])
        done = count
        both, alone = losses()
        yield count, both, alone


def show(name: str, curves: Sequence[dict[int, tuple[float, float]]]) -> None:
    for which, what in enumerate(("both", "local alone")):
        means = (
            (labels, [one[labels][which] for one in curves if labels in one])
            for labels in (0, *LABELS)
        )
        told = "  ".join(f"{n}: {np.mean(found):.3f}" for n, found in means if found)
        print(f"{name:14} {what:12} {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="filterd-curves-") as folder:
        shelf = Shelf(Path(folder))
        for name in chosen.sets or SETS:
            shipped = shipped_without(shelf, name)
            curves = []
            for draw in range(chosen.draws):
                state = Path(tempfile.mkdtemp(dir=folder))
                steps = curve(shelf, shipped, *split(shelf, name, draw), state)
                curves.append({labels: (both, alone) for labels, both, alone in steps})
            show(name, curves)


if __name__ == "__main__":
    main()

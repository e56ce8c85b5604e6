"""evaluate - the classifier on labelled mail: as it is, cross-validated, or trained on the older part.

Owns:   `measure`, Way. Features go to disk once (classify.spill); nothing is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from filterd.classify import open_classifier
from filterd.classify.classifier import Scoring
from filterd.classify.corpus import Labelled
from filterd.classify.features import extract
from filterd.classify.gather import from_paths
from filterd.classify.metrics import Figures, figures
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import TrainingSet
from filterd.mail.message import Message

Way = Literal["model", "cross-validate", "chronological"]
TESTED = 1 / 3  # of a chronological run: the newest third of each source and class


def measure(
    stream: Iterable[Labelled],
    settings: ClassifierSettings,
    state_dir: Path,
    way: Way,
    *,
    by_kind: bool = False,
    limit: int | None = None,
) -> Figures:
    """The figures of the model in force, or of models trained on a part and tested on the rest."""
    if limit is not None:
        stream = islice(stream, limit)
    if way == "model":
        return in_force(stream, settings, state_dir)
    from filterd.classify import train

    shipped = None  # it has seen public corpora, so it may have seen this very mail
    with TrainingSet() as examples:
        from_paths(stream, examples, by_kind=by_kind)
        if way == "cross-validate":
            found = train.cross_validated(examples, settings, shipped)
            return figures(examples.is_spam, found)
        everything = np.arange(len(examples))
        older, newer = train.split_by_time(examples, everything, TESTED)
        model = train.train(examples, older, settings, shipped).model
        found = train.log_odds(examples, newer, Scoring(settings, shipped, model))
        return figures(examples.is_spam[newer], found)


def in_force(
    stream: Iterable[Labelled], settings: ClassifierSettings, state_dir: Path
) -> Figures:
    """The figures of the classifier as it scans now."""
    classifier = open_classifier(settings.model_copy(update={"enabled": True}), state_dir)
    assert classifier is not None
    labels: list[bool] = []
    odds: list[float] = []
    started = time.perf_counter()
    for labelled in stream:
        scoring = classifier.refresh()
        features = extract(
            Message.from_bytes(labelled.raw), is_local=not scoring.is_local_empty
        )
        labels.append(labelled.is_spam)
        odds.append(scoring.log_odds(features))
    seconds = time.perf_counter() - started
    return figures(labels, odds, len(labels) / seconds if labels and seconds else None)

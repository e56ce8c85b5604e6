"""online - replay a labelled stream in order: score each message, then learn it (the TREC protocol).

Owns:   `replay`. Starts from the shipped model and no local label; nothing is written anywhere.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from filterd.classify.classifier import Scoring
from filterd.classify.features import extract
from filterd.classify.live import LiveModel
from filterd.classify.metrics import Figures, figures
from filterd.classify.model import Model
from filterd.classify.rehearsal import Kept, Rehearsal, learn
from filterd.classify.settings import ClassifierSettings
from filterd.classify.turn import ENOUGH
from filterd.mail.message import Message


@dataclass(frozen=True, slots=True)
class Replayed:
    """The figures, and what each message was thought to be before it was learned."""

    figures: Figures
    scored: tuple[tuple[str, bool, float], ...]  # path, is spam, log odds


def replay(
    stream: Iterable[tuple[bool, Path]], settings: ClassifierSettings, shipped: Model | None
) -> Replayed:
    """Score, then learn every message; an unreadable file is an OSError (a gap would flatter)."""
    live = LiveModel.in_memory()
    rehearsal = Rehearsal.in_memory()
    started = time.perf_counter()
    with closing(rehearsal), rehearsal.locked():
        scored = tuple(_step(stream, live, rehearsal, Scoring(settings, shipped, live)))
    seconds = time.perf_counter() - started
    return Replayed(
        figures(
            [is_spam for _, is_spam, _ in scored],
            [log_odds for _, _, log_odds in scored],
            len(scored) / seconds if seconds else None,
        ),
        scored,
    )


def _step(
    stream: Iterable[tuple[bool, Path]],
    live: LiveModel,
    rehearsal: Rehearsal,
    scoring: Scoring,
) -> Iterator[tuple[str, bool, float]]:
    for number, (is_spam, path) in enumerate(stream):
        features = extract(Message.from_bytes(path.read_bytes()))
        log_odds = scoring.log_odds(features)
        kept = Kept(_digest(number), is_spam, features)
        is_settled = (log_odds if is_spam else -log_odds) >= ENOUGH
        learn(live, rehearsal, kept, is_settled=is_settled)
        yield str(path), is_spam, log_odds


def _digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()

"""fit - scores proposed from labelled mail.

Owns:   Case, Proposed, fit, as_toml. Offline: it imports scikit-learn, and nothing that scans imports it.
Not here: scanning the mail (frontends.cli.weigh), the scores in force (scores).
Logistic regression over the weights with which symbols hit, L2, ham counted HAM times. A symbol keeps its sign:
what would turn is worth nothing. No symbol is worth more than MOST of the tag threshold, and what hit
fewer than LEAST messages stays as it is; what few hit moves little. How good a proposal is, is measured on folds it was not fitted on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 5  # messages hit
HAM = 10.0  # false positives weigh so much more than missed spam
MOST = 0.6  # of the tag threshold: no single symbol decides
FOLDS = 5
TRUST = 30  # hits at which a score moves half of the way to the fitted one
STRENGTH = 0.5  # C of scikit-learn: the smaller, the nearer to 0
LEAST_INTERCEPT = 0.5  # where mail without any hit is hardly ham, points would have no end
_ROUNDS = 10  # of leaving out symbols whose sign would turn


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled message: the weight of each symbol that hit."""

    weights: Mapping[str, float]
    is_spam: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """At the tag threshold."""

    precision: float
    recall: float
    false_positives: int


@dataclass(frozen=True, slots=True)
class Proposed:
    """New scores of what changes, and how held-out mail fares before and after."""

    scores: Mapping[str, float]
    before: Quality
    after: Quality


def fit(cases: Sequence[Case], current: Mapping[str, float], tag: float) -> Proposed:
    """Propose scores; ValueError where there is too little of either kind."""
    labels = np.array([case.is_spam for case in cases])
    least = int(min(labels.sum(), len(labels) - labels.sum())) if len(labels) else 0
    if least < FOLDS:
        raise ValueError(f"fitting needs at least {FOLDS} messages of each kind")
    counts = {name: sum(name in case.weights for case in cases) for name in current}
    names = sorted(n for n, score in current.items() if score and counts[n] >= LEAST)
    if not names:
        raise ValueError(f"no scored symbol hits {LEAST} messages")
    matrix = np.array([[case.weights.get(name, 0.0) for name in names] for case in cases])
    rest = np.array(
        [
            sum(current.get(n, 0.0) * w for n, w in case.weights.items() if n not in names)
            for case in cases
        ]
    )
    now = np.array([current[name] for name in names])
    before = matrix @ now + rest
    after = np.zeros(len(cases))
    for train, test in _folds(labels):
        found = _fitted(matrix[train], labels[train], now, tag)
        after[test] = matrix[test] @ found + rest[test]
    final = _fitted(matrix, labels, now, tag)
    changed = {
        name: float(new)
        for name, new in zip(names, np.round(final, 2), strict=True)
        if abs(new - current[name]) >= 0.05
    }
    return Proposed(changed, _quality(before, labels, tag), _quality(after, labels, tag))


def _folds(
    labels: NDArray[np.bool_],
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(train, test) of each fold: every FOLDS-th message of each kind."""
    place = np.where(labels, np.cumsum(labels), np.cumsum(~labels)) % FOLDS
    for fold in range(FOLDS):
        yield np.flatnonzero(place != fold), np.flatnonzero(place == fold)


def _fitted(
    matrix: NDArray[np.float64],
    labels: NDArray[np.bool_],
    now: NDArray[np.float64],
    tag: float,
) -> NDArray[np.float64]:
    """Points of each column, none with a turned sign."""
    from sklearn.linear_model import LogisticRegression

    signs = np.sign(now)
    scores = np.zeros(matrix.shape[1])
    kept = np.arange(matrix.shape[1])
    weights = np.where(labels, 1.0, HAM)
    for _ in range(_ROUNDS):
        model = LogisticRegression(C=STRENGTH, max_iter=1_000)
        model.fit(matrix[:, kept], labels, sample_weight=weights)
        found = model.coef_[0]
        turned = found * signs[kept] < 0
        # A sum of 0 is what the intercept says; the threshold lies where both are equally likely.
        scale = tag / max(-float(model.intercept_[0]), LEAST_INTERCEPT)
        scores[:] = 0.0
        scores[kept] = np.where(turned, 0.0, np.clip(found * scale, -MOST * tag, MOST * tag))
        kept = kept[~turned]
        if not turned.any() or not len(kept):
            break
    hits = np.count_nonzero(matrix, axis=0)
    trust = hits / (hits + TRUST)
    return trust * scores + (1 - trust) * now  # type: ignore[no-any-return]


def _quality(scores: NDArray[np.float64], labels: NDArray[np.bool_], tag: float) -> Quality:
    tagged = scores >= tag
    right = int((tagged & labels).sum())
    total = int(tagged.sum())
    return Quality(right / total if total else 1.0, right / int(labels.sum()), total - right)


def as_toml(scores: Mapping[str, float]) -> str:
    """The proposal as an admin's file."""
    return "".join(
        f"[symbol.{name}]\nscore = {score:.2f}\n\n" for name, score in sorted(scores.items())
    )

"""explain - which words decided: shares of features as tokens a person can read.

Owns:   Token, `tokens`. 5-grams are added up over the word in which they start, so that a word is one
        token and the sum stays exact; other features are tokens as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from filterd.classify.features import Features
from filterd.classify.linear import Shares

Token: TypeAlias = tuple[str, float]  # name, share

_GRAM_LABELS = ("author", "body", "header")
MAX_NAME = 60  # characters shown of a word


def tokens(features: Features, shares: Shares, top: int) -> list[Token]:
    """The `top` strongest tokens, strongest first."""
    found = features.candidates
    if found is None or top <= 0:
        return []
    grams = features.bounds[len(_GRAM_LABELS)]
    text = b"".join(found.texts)
    starts = _word_starts(text, found.texts)
    words = _by_word(found.places(features.bounds), shares[:grams], starts)
    joined = np.concatenate((words, shares[grams:]))
    strongest = _strongest(joined, top)
    named: list[Token] = []
    for index, share in zip(strongest, joined.take(strongest).tolist(), strict=True):
        if index < len(words):
            name = _word(found.texts, text, starts, index)
        else:
            name = found.token(grams + index - len(words))
        named.append((_clean(name), share))
    return named


def _word_starts(text: bytes, texts: Sequence[bytes]) -> NDArray[np.intp]:
    """Where words start in the joined texts; each text starts one."""
    if not text:
        return np.zeros(0, dtype=np.intp)
    is_space = np.frombuffer(text, dtype=np.uint8) <= 0x20
    is_start = np.empty(len(text), dtype=np.bool_)
    is_start[1:] = is_space[:-1] > is_space[1:]
    offset = 0
    for one in texts:
        if one:
            is_start[offset] = True
        offset += len(one)
    return np.flatnonzero(is_start)


def _by_word(places: NDArray[np.intp], shares: Shares, starts: NDArray[np.intp]) -> Shares:
    """The sum of shares of the grams that start in each word; `places` ascend."""
    running = np.zeros(len(shares) + 1)
    running[1:] = shares
    running = np.add.accumulate(running)
    before = np.empty(len(starts) + 1)  # what all grams before a word add up to
    before[:-1] = running.take(places.searchsorted(starts))
    before[-1] = running[-1]
    sums: Shares = (before[1:] - before[:-1]).astype(np.float32)
    return sums


def _word(texts: Sequence[bytes], text: bytes, starts: NDArray[np.intp], index: int) -> str:
    start = int(starts[index])
    stop = int(starts[index + 1]) if index + 1 < len(starts) else len(text)
    group = offset = 0
    while start >= offset + len(texts[group]):
        offset += len(texts[group])
        group += 1
    return f"{_GRAM_LABELS[group]} {text[start:stop].decode('utf-8', 'replace').strip()}"


def _strongest(shares: Shares, top: int) -> list[int]:
    sizes = np.abs(shares)
    rest = len(shares) - top
    some = sizes.argpartition(rest)[rest:] if rest > 0 else np.arange(len(shares))
    ordered = sorted(zip((-sizes[some]).tolist(), some.tolist(), strict=True))
    return [index for size, index in ordered if size]


def _clean(name: str) -> str:
    """On one line, bounded, no control characters."""
    shown = name[:200]
    if not shown.isprintable():
        shown = "".join([c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown])
    return shown if len(shown) <= MAX_NAME else shown[: MAX_NAME - 1] + "…"

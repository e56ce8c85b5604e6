"""What a thousand pattern rules cost on a 20-kB message: at most 0.6 ms of CPU."""

from __future__ import annotations

import random
import time

import pytest

from filterd.ruleset.match import Matcher, compile_pattern
from tests.support.speed import is_within

pytestmark = pytest.mark.benchmark

RULES = 1_000
BYTES = 20_000
FREQUENCIES = {
    "e": 12, "t": 9, "a": 8, "o": 8, "i": 7, "n": 7, "s": 6, "h": 6, "r": 6, "d": 4, "l": 4, "c": 3, "u": 3, "m": 2, "w": 2, "f": 2, "g": 2, "y": 2, "p": 2, "b": 2, "v": 1, "k": 1
}  # fmt: skip
BUDGET = 0.0006  # seconds of CPU a message


def vocabulary(chance: random.Random) -> list[str]:
    """Words of letters as frequent as in English, the first far more common in texts (Zipf)."""
    letters, often = zip(*FREQUENCIES.items(), strict=True)
    return [
        "".join(chance.choices(letters, often, k=chance.choice([2, 3, 4, 5, 5, 6, 7, 8, 9])))
        for _ in range(4_000)
    ]


def text_of(words: list[str], chance: random.Random) -> bytes:
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return " ".join(chance.choices(words, weights, k=BYTES // 4)).encode()[:BYTES]


@pytest.mark.parametrize(
    "shape",
    [
        r"(?i)\b{0}\s+{1}\s+{2}\b",
        r"(?i)\b(?:{0}|{1})\s{{1,3}}{2}",
        r"\b{0} {1}[a-z]*\b.{{0,20}}{2}",
        r"(?i){0}{1}\d+",
    ],
)
def test_a_thousand_rules_within_the_budget(shape: str) -> None:
    chance = random.Random(5)
    words = vocabulary(chance)
    chosen = [chance.choices(words, k=3) for _ in range(RULES)]
    matcher = Matcher([compile_pattern(shape.format(*three)) for three in chosen])
    texts = []
    for number in range(20):
        first, second, third = chosen[number * 7]
        wanted = f" {first} {second} {third} {first} {third} {first}{second}7 ".encode()
        texts.append(text_of(words, chance)[: BYTES - len(wanted)] + wanted)
    found = [sum(1 for _ in matcher.search([text])) for text in texts]
    assert min(found) >= 1
    best = float("inf")
    for _ in range(20):  # until one round is not disturbed
        started = time.thread_time()
        for text in texts:
            list(matcher.search([text]))
        best = min(best, (time.thread_time() - started) / len(texts))
        if best <= BUDGET:
            break
    assert is_within(best, BUDGET)

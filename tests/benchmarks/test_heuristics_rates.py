"""The bars of the shipped rules and heuristics alone: classifier and DNS off, telling fields taken off.

`python -m tests.benchmarks.heuristics_rates` gives the same figures over all of the mail.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.ruleset import RuleSettings, load
from tests.benchmarks.heuristics_rates import SETS, Rates, judged, samples
from tests.support.shared import shared_path

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

LIMIT = 400  # messages of each kind a set; the whole takes minutes


@pytest.mark.parametrize("name", SETS)
def test_rates_of_the_shipped_rules(name: str) -> None:
    shared_path(f"corpora/{name}.tar.gz")
    rules = load(RuleSettings(directory=Path("/nonexistent")))
    rates = Rates()
    for seen in judged(samples(name, limit=LIMIT), rules):
        rates.add(seen)
    print(rates.line(name))
    # 0.2 % of 400 is less than one: a second one would be a trend
    assert rates.ham_tagged <= 1
    assert rates.ham_rejected == 0
    if rates.spam:
        assert rates.spam_tagged / rates.spam >= (0.35 if SETS[name] >= 2019 else 0.50)


@pytest.mark.parametrize("name", ["spamassassin", "vger-mixed-2019-2021"])
def test_cpu_of_the_heuristics(name: str) -> None:
    shared_path(f"corpora/{name}.tar.gz")
    rules = load(RuleSettings(directory=Path("/nonexistent")))
    spent = sorted(seen.milliseconds for seen in judged(samples(name, limit=100), rules))
    # parsing, heuristics and rules together; the median, as neighbours disturb the rest
    assert spent[len(spent) // 2] < 8.0

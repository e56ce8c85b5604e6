"""The daemon under load keeps the bars of issue 2 that do not depend on how busy the machine is."""

from __future__ import annotations

import pytest

from tests.benchmarks.load import measure

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

MESSAGES = 300
MOST_MEMORY = 150.0  # MB, master and two workers; the bar, there after 1,500 messages


def test_many_connections_without_an_error_and_within_the_memory_bar() -> None:
    figures = measure(MESSAGES, 32, 0.0, {"milter.workers": 2})
    assert figures.errors == 0
    assert sum(figures.answers.values()) == MESSAGES
    assert figures.pss_mb <= MOST_MEMORY

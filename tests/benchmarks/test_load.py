"""The daemon under load makes no error and keeps within its memory, however busy the machine is."""

from __future__ import annotations

import pytest

from tests.benchmarks.load import measure

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

MESSAGES = 300
MOST_MEMORY = 150.0  # MB, master and two workers; measured 130 to 140 after so many messages


def test_many_connections_without_an_error_and_within_its_memory() -> None:
    figures = measure(MESSAGES, 32, 0.0, {"milter.workers": 2})
    assert figures.errors == 0
    assert sum(figures.answers.values()) == MESSAGES
    assert figures.pss_mb <= MOST_MEMORY

from __future__ import annotations

import pytest

from filterd.core.stores import LedgerDay
from filterd.frontends.http import figures


def test_greylisting_shows_its_own_benefit() -> None:
    day = LedgerDay(20_000, deferred=40, returned=10, delays={33: 10}, scores={2: 7, 8: 3})
    found = figures.greylist_benefit([day])
    assert found["gave_up"] == 30
    assert found["median_delay"] == pytest.approx(2 ** (33.5 / 4))
    assert found["spam_on_return"] == 3
    assert figures.greylist_benefit([])["deferred"] == 0


def test_time_is_shown_stage_by_stage_in_their_order() -> None:
    spans = [("eom", 2.0), ("connect", 1.0), ("eom", 3.0), ("", 0.5)]
    plain = {"spans": [{"stage": stage, "milliseconds": ms} for stage, ms in spans]}
    assert figures.stages(plain) == [("connect", 1.0, 1), ("eom", 5.0, 2), ("", 0.5, 1)]


def test_numbers_read_well() -> None:
    assert (figures.points(1.0), figures.points(-0.5), figures.points(0.0)) == (
        "+1.00", "-0.50", "0",
    )  # fmt: skip
    assert figures.count(1234567.0) == "1\u202f234\u202f567"
    assert (figures.percent(1, 8), figures.percent(1, 0)) == ("12.5 %", "–")

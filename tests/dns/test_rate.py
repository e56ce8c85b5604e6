from __future__ import annotations

import pytest

from filterd.dns.rate import LEARNED, REMEMBERED, Rate


def fed(*waves: tuple[int, bool]) -> Rate:
    """A rate after so many subjects, each of its own, listed or not."""
    rate = Rate()
    for wave, (many, is_listed) in enumerate(waves):
        for n in range(many):
            assert rate.count(f"{wave}.{n}", is_listed=is_listed)
    return rate


def test_first_subjects_are_a_plain_mean() -> None:
    rate = fed((3, True), (1, False))
    assert [rate.usual, rate.recent] == pytest.approx([0.75, 0.75])
    assert (rate.subjects, rate.listed) == (4, 3)


def test_recent_rate_leaves_the_usual_one_behind() -> None:
    rate = fed((1000, False), (40, True))
    assert rate.usual == pytest.approx(1 - 0.999**40, abs=0.001)
    assert rate.recent == pytest.approx(1 - 0.975**40)
    assert rate.rise == rate.recent - rate.usual
    rate.settle()
    assert rate.rise == 0


def test_rise_is_none_before_the_usual_rate_is_learned() -> None:
    waves = ((LEARNED - 50, False), (49, True))
    assert fed(*waves).rise == 0
    assert fed(*waves, (1, True)).rise > 0.2


def test_subject_counts_once_until_it_is_forgotten() -> None:
    rate = Rate()
    assert rate.count("a", is_listed=True)
    assert not rate.count("a", is_listed=True)
    for n in range(REMEMBERED - 1):
        rate.count(f"b{n}", is_listed=False)
    assert not rate.count("a", is_listed=True)  # which makes it the latest
    for n in range(REMEMBERED - 1):
        rate.count(f"c{n}", is_listed=False)
    assert not rate.count("a", is_listed=True)
    for n in range(REMEMBERED):
        rate.count(f"d{n}", is_listed=False)
    assert rate.count("a", is_listed=True)

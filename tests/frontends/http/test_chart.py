from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.frontends.http.chart import HEIGHT, WIDTH, bars

ACTIONS = ("accept", "tag", "reject")
NOW = 1_790_000_000.0
slots = st.lists(
    st.dictionaries(st.sampled_from(ACTIONS), st.integers(0, 10**6)), min_size=1, max_size=60
)


@given(slots)
def test_every_bar_lies_in_the_picture_and_none_over_another(
    counts: list[dict[str, int]],
) -> None:
    chart = bars(counts, ACTIONS, NOW, 1800)
    for bar in chart.bars:
        assert 0 <= bar.x < bar.x + bar.width <= WIDTH + 1e-6
        assert -1e-6 <= bar.y < bar.y + bar.height <= HEIGHT + 1e-6
    by_place: dict[float, float] = {}
    for bar in chart.bars:
        assert bar.y + bar.height <= by_place.get(bar.x, HEIGHT) + 1e-6
        by_place[bar.x] = bar.y


@given(slots)
def test_heights_are_in_proportion(counts: list[dict[str, int]]) -> None:
    chart = bars(counts, ACTIONS, NOW, 1800)
    assert chart.most >= max(sum(slot.values()) for slot in counts)
    assert sum(b.height for b in chart.bars) / HEIGHT * chart.most == pytest.approx(
        sum(sum(slot.values()) for slot in counts), rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize(
    ("most", "scale"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (501, 1000)]
)
def test_the_scale_is_a_round_number(most: int, scale: int) -> None:
    assert bars([{"accept": most}], ACTIONS, NOW, 1800).most == scale

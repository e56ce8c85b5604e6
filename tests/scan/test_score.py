from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.core.evidence import Hit
from filterd.scan.score import ScoreTable


@dataclass(frozen=True)
class Entry:
    points: float
    group: str = ""
    describe: str = ""
    shadow: bool = False


@dataclass(frozen=True)
class Group:
    cap: float


def test_points_are_score_times_weight_in_hundredths() -> None:
    table = ScoreTable({"A": Entry(1.005), "B": Entry(-2.0)})
    hits, total = table.apply([Hit("A", weight=2.0), Hit("B", weight=0.333)])
    assert [hit.points for hit in hits] == [2.01, -0.67]
    assert total == 1.34


def test_a_symbol_counts_once_with_its_largest_weight_and_all_details() -> None:
    table = ScoreTable({"A": Entry(1.0)})
    hits, total = table.apply(
        [Hit("A", "one", 1.0), Hit("A", "two", 3.0), Hit("A", "one", 1.0)]
    )
    assert total == 3.0
    assert len(hits) == 1
    assert hits[0].detail == "two; one"


def test_a_shadow_symbol_is_shown_and_worth_nothing() -> None:
    hits, total = ScoreTable({"A": Entry(5.0, shadow=True)}).apply([Hit("A")])
    assert (hits[0].symbol, hits[0].points, hits[0].shadow, total) == ("A", 0.0, True, 0.0)


def test_a_group_over_its_cap_gets_a_line_that_takes_the_excess_away() -> None:
    table = ScoreTable(
        {"A": Entry(4.0, "g"), "B": Entry(3.0, "g"), "C": Entry(-1.0, "g")}, {"g": Group(5.0)}
    )
    hits, total = table.apply([Hit("A"), Hit("B"), Hit("C")])
    assert total == 4.0
    assert ("GROUP_CAP", -2.0) in [(hit.symbol, hit.points) for hit in hits]


def test_unknown_symbols_are_worth_nothing() -> None:
    hits, total = ScoreTable().apply([Hit("NOBODY_KNOWS")])
    assert (hits[0].points, total) == (0.0, 0.0)


finite = st.floats(-1000, 1000, allow_nan=False)


@given(
    st.lists(st.tuples(st.sampled_from("ABCDEFG"), st.floats(-10, 10)), max_size=30),
    st.dictionaries(
        st.sampled_from("ABCDEFG"), st.tuples(finite, st.sampled_from(["", "g", "h"]))
    ),
    st.dictionaries(st.sampled_from(["g", "h"]), st.floats(0, 50)),
)
def test_what_is_shown_adds_up_to_the_score(
    hits: list[tuple[str, float]],
    scores: dict[str, tuple[float, str]],
    caps: dict[str, float],
) -> None:
    table = ScoreTable(
        {name: Entry(points, group) for name, (points, group) in scores.items()},
        {name: Group(cap) for name, cap in caps.items()},
    )
    scored, total = table.apply([Hit(symbol, weight=weight) for symbol, weight in hits])
    shown = [f"{hit.points:.2f}" for hit in scored]
    assert sum(round(float(text) * 100) for text in shown) == round(total * 100)
    assert f"{total:.2f}" == f"{round(total * 100) / 100:.2f}"


@pytest.mark.parametrize("points", [0.1, 0.2, 0.3, 1.1, 2.675])
def test_many_small_hits_add_up_exactly(points: float) -> None:
    table = ScoreTable({f"S{n}": Entry(points) for n in range(100)})
    scored, total = table.apply([Hit(f"S{n}") for n in range(100)])
    assert total == round(scored[0].points * 100) * 100 / 100


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_a_weight_that_is_no_number_counts_nothing(weight: float) -> None:
    table = ScoreTable({"A": Entry(2.0), "B": Entry(1.0)})
    scored, total = table.apply([Hit("A", weight=weight), Hit("B")])
    assert total == 1.0
    assert [hit.points for hit in scored] == [0.0, 1.0]

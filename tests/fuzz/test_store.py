"""What an admin's file, a sender's reverse-path or a damaged store may hold: a result or the one error, in time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.frontends.cli.store import read
from filterd.store.keys import MAX_KEY, Seal, delivery, plain_path
from filterd.store.listfile import parse
from filterd.store.record import from_line, unpack

pytestmark = pytest.mark.fuzz

paths = st.text(st.sampled_from("ab19=+-_./@#prvsSRS01bt\udcff "), max_size=600)


@given(paths, paths)
def test_any_reverse_path_makes_a_bounded_key(path: str, recipient: str) -> None:
    """Any envelope gives a key that a store can keep, the same for the same."""
    sealed = Seal()(delivery(path, recipient))
    assert len(sealed) <= MAX_KEY
    sealed.encode()
    assert sealed == Seal()(delivery(path, recipient))


@pytest.mark.parametrize(
    "unit", ["=", "a=", "srs0=", "srs1=a=", "prvs=", "1-", "a.", "+", "=a.b"]
)
def test_no_reverse_path_takes_long(unit: str) -> None:
    started = time.perf_counter()
    plain_path(unit * (100_000 // len(unit)) + "@a.example")
    assert time.perf_counter() - started < 0.2


@given(st.text())
def test_any_text_is_a_list_with_problems(text: str) -> None:
    """Every line is an entry, a problem, empty, or said before."""
    found = parse(text, "f", is_allow=True)
    assert len(found) + len(found.problems) <= len(text.splitlines())


@given(st.binary(max_size=500))
def test_any_bytes_are_a_record_or_a_value_error(data: bytes) -> None:
    for reader in (from_line, unpack):
        try:
            reader(data)
        except ValueError:
            continue


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=5))
def test_any_lines_are_rows_or_an_ending_with_status_2(lines: list[str]) -> None:
    status: object = 2
    try:
        list(read(lines))
    except SystemExit as stop:
        status = stop.code
    assert status == 2

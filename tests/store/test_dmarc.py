"""Results wait for their report; equal ones are counted, whichever store keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import DmarcReportStore, DmarcSeen
from filterd.store import dmarc
from filterd.store.dmarc import DAY, MemoryReports, SqliteReports, open_reports

SEEN = DmarcSeen(
    "example.com", "v=DMARC1; p=none", "192.0.2.1", "example.com", "b.example", "none", "pass", "fail",
    (("other", "why ünd"),), (("example.com", "s", "pass", ""),), ("b.example", "fail", "no"),
)  # fmt: skip
OTHER = replace(SEEN, policy_domain="a.example")
NOON = 20_000 * DAY + 43_200

Make = Callable[[], DmarcReportStore]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DmarcReportStore:
    return (
        MemoryReports() if request.param == "memory" else SqliteReports(tmp_path / "d.sqlite")
    )


def test_equal_results_are_counted_and_others_kept_apart(store: DmarcReportStore) -> None:
    for seen in (SEEN, OTHER, SEEN, replace(SEEN, source="192.0.2.2"), SEEN):
        store.add(seen, NOON)
    found = list(store.results(20_000))
    assert [seen.policy_domain for seen, _ in found] == ["a.example", *["example.com"] * 2]
    assert dict(found) == {SEEN: 3, OTHER: 1, replace(SEEN, source="192.0.2.2"): 1}


def test_days_are_utc(store: DmarcReportStore) -> None:
    store.add(SEEN, 20_001 * DAY - 0.5)
    store.add(SEEN, 20_001 * DAY)
    assert store.days() == [20_000, 20_001]
    assert [count for _, count in store.results(20_001)] == [1]
    assert list(store.results(19_999)) == []


def test_what_was_reported_is_dropped_by_domain(store: DmarcReportStore) -> None:
    store.add(SEEN, NOON)
    store.add(OTHER, NOON)
    store.drop(20_000, "example.com")
    assert [seen.policy_domain for seen, _ in store.results(20_000)] == ["a.example"]
    store.drop(20_000, "a.example")
    assert store.days() == []


def test_old_days_are_dropped_together(store: DmarcReportStore) -> None:
    for day in (1, 2, 3):
        store.add(SEEN, day * DAY)
    store.drop(2)
    assert store.days() == [3]


def test_a_day_is_bounded(store: DmarcReportStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmarc, "MAX_RESULTS", 2)
    for number in range(5):
        store.add(replace(SEEN, source=f"192.0.2.{number}"), NOON)
    store.add(replace(SEEN, source="192.0.2.0"), NOON)
    assert [count for _, count in store.results(20_000)] in ([2, 1], [1, 2])


def test_many_results_come_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmarc, "PAGE", 3)
    store = open_reports(tmp_path)
    for number in range(10):
        store.add(replace(SEEN, source=f"192.0.2.{number}"), NOON)
    assert len(list(store.results(20_000))) == 10
    store.close()


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    one, two = open_reports(tmp_path), open_reports(tmp_path)
    one.add(SEEN, NOON)
    two.add(SEEN, NOON)
    assert list(one.results(20_000)) == [(SEEN, 2)]


def test_broken_file_is_an_unavailable_store(tmp_path: Path) -> None:
    (tmp_path / "dmarc.sqlite").write_bytes(b"this is no database" * 100)
    store = open_reports(tmp_path)
    with pytest.raises(StoreUnavailable):
        store.add(SEEN, NOON)
    store.close()

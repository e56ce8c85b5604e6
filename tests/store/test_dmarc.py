"""Results wait for their report; equal ones are counted, whichever store keeps them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import DmarcReportStore, DmarcSeen
from filterd.store import dmarc, redis_dmarc
from filterd.store.dmarc import DAY, MemoryReports, Reports, SqliteReports, open_reports
from filterd.store.settings import StoreSettings

SEEN = DmarcSeen(
    "example.com", "v=DMARC1; p=none", "192.0.2.1", "example.com", "b.example", "none", "pass", "fail",
    (("other", "why ünd"),), (("example.com", "s", "pass", ""),), ("b.example", "fail", "no"),
)  # fmt: skip
OTHER = replace(SEEN, policy_domain="a.example")
NOON = 20_000 * DAY + 43_200

numbers = itertools.count()


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        *(pytest.param(name, marks=pytest.mark.redis) for name in ("redis", "cluster")),
    ]
)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, servers: Callable[[str], dict[str, Any]]
) -> Iterator[Reports]:
    made: Reports
    match request.param:
        case "memory":
            made = MemoryReports()
        case "sqlite":
            made = SqliteReports(tmp_path / "d.sqlite")
        case kind:
            prefix = f"d{next(numbers)}"
            settings = StoreSettings(kind="redis", prefix=prefix, timeout=2.0, **servers(kind))
            made = open_reports(settings, tmp_path)
    yield made
    made.close()


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
    monkeypatch.setattr(redis_dmarc, "MAX_RESULTS", 2)
    for number in range(5):
        store.add(replace(SEEN, source=f"192.0.2.{number}"), NOON)
    store.add(replace(SEEN, source="192.0.2.0"), NOON)
    assert [count for _, count in store.results(20_000)] in ([2, 1], [1, 2])


def test_piece_of_work_is_claimed_by_one(store: Reports) -> None:
    assert store.claim(1, "a.example", NOON, 3600)
    assert not store.claim(1, "a.example", NOON + 1, 3600)
    assert store.claim(1, "b.example", NOON, 3600)
    assert store.claim(2, "a.example", NOON, 3600)
    store.hold(1, "a.example", NOON, 0)
    assert store.claim(1, "a.example", NOON, 3600)


def test_claim_outlives_what_it_was_for(store: Reports) -> None:
    """A run that has read the results before another dropped them must not report them again."""
    store.add(SEEN, NOON)
    assert store.claim(20_000, "example.com", NOON, 3600)
    store.drop(20_000, "example.com")
    assert not store.claim(20_000, "example.com", NOON, 3600)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_claim_of_a_run_that_died_runs_out(kind: str, tmp_path: Path) -> None:
    store = MemoryReports() if kind == "memory" else SqliteReports(tmp_path / "d.sqlite")
    assert store.claim(1, "a.example", NOON, 3600)
    assert store.claim(1, "a.example", NOON + 3600, 3600)
    store.close()


def test_file_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "dmarc.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE result (day INTEGER, domain TEXT, seen TEXT, count INTEGER,"
            " PRIMARY KEY (day, domain, seen)) WITHOUT ROWID;"
            "CREATE TABLE total (day INTEGER PRIMARY KEY, results INTEGER);"
            "PRAGMA user_version=1;"
        )
        database.execute(
            "INSERT INTO result VALUES (?,?,?,2)", (20_000, "example.com", dmarc.pack(SEEN))
        )
        database.commit()
    store = open_reports(StoreSettings(), tmp_path)
    assert list(store.results(20_000)) == [(SEEN, 2)]
    assert store.claim(20_000, "example.com", NOON, 60)
    store.close()


def test_many_results_come_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmarc, "PAGE", 3)
    store = open_reports(StoreSettings(), tmp_path)
    for number in range(10):
        store.add(replace(SEEN, source=f"192.0.2.{number}"), NOON)
    assert len(list(store.results(20_000))) == 10
    store.close()


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    one, two = open_reports(StoreSettings(), tmp_path), open_reports(StoreSettings(), tmp_path)
    one.add(SEEN, NOON)
    two.add(SEEN, NOON)
    assert list(one.results(20_000)) == [(SEEN, 2)]


def test_broken_file_is_an_unavailable_store(tmp_path: Path) -> None:
    (tmp_path / "dmarc.sqlite").write_bytes(b"this is no database" * 100)
    store = open_reports(StoreSettings(), tmp_path)
    with pytest.raises(StoreUnavailable):
        store.add(SEEN, NOON)
    store.close()

"""What only the SQLite store has: sweeping, several connections, files."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from filterd.core.stores import Bucket, Standing, Terms
from filterd.store.sqlite import SWEEP_DROP, SWEEP_EVERY, SWEEP_LOOK, SWEPT, SqliteState

T0 = 1_790_000_000.0
TERMS = Terms(window=7200, expiry=7 * 86400)


def count(path: Path, table: str) -> int:
    with sqlite3.connect(path) as db:
        (found,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found)


def test_what_has_expired_is_swept_by_whoever_writes(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    state = SqliteState(path)
    for n in range(1000):
        state.attempt("net", [f"old{n}"], T0, TERMS)
    for n in range(SWEEP_EVERY * len(SWEPT) * 4):
        state.sent(["x"], T0 + 90000 + n, 100)
    assert count(path, "triplet") == 0
    state.close()


def test_a_table_of_live_rows_does_not_stop_the_sweep(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    state = SqliteState(path)
    state.sent([f"a{n:05}" for n in range(SWEEP_LOOK + 500)], T0, 1e9)
    state.sent([f"z{n:05}" for n in range(SWEEP_DROP + 200)], T0, 10)
    for n in range(SWEEP_EVERY * len(SWEPT) * 6):
        state.sent(["a00000"], T0 + 100 + n, 1e9)
    assert count(path, "correspondent") == SWEEP_LOOK + 500
    state.close()


def test_threads_have_a_connection_each(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite", timeout=5.0)
    bucket = Bucket("b", 1, 1e9, 1e9)

    def work() -> None:
        for _ in range(50):
            state.charge([bucket], 1, T0)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.levels([bucket], T0) == [400]
    state.close()


def test_it_can_be_used_again_after_closing(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    state.attempt("net", ["x"], T0, TERMS)
    state.close()
    assert state.attempt("net", ["x"], T0, TERMS).standing is Standing.EARLY
    state.close()


def test_the_write_ahead_log_is_folded_in_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    state = SqliteState(path)
    state.attempt("net", ["x"], T0, TERMS)
    state.close()
    assert [p.name for p in tmp_path.iterdir()] == ["state.sqlite"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 in {0, 4}


@pytest.mark.benchmark
def test_a_known_delivery_takes_no_write_lock(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    state = SqliteState(path, timeout=0.05)
    state.attempt("net", ["x"], T0, TERMS)
    state.attempt("net", ["x"], T0 + 100, TERMS)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert state.attempt("net", ["x"], T0 + 200, TERMS).standing is Standing.KNOWN
    other.close()
    state.close()


def test_a_file_of_before_gets_what_came_later_and_stays_good_for_a_program_of_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    first = SqliteState(path)
    first.spring(["a"], T0, 100)
    first.close()
    with contextlib.closing(sqlite3.connect(path)) as before:
        before.execute("DROP TABLE pause")
        before.commit()
    state = SqliteState(path)
    assert state.pauses(T0) == []
    assert state.trapped_until(["a"], T0) == T0 + 100
    state.close()
    with contextlib.closing(sqlite3.connect(path)) as after:
        assert after.execute("PRAGMA user_version").fetchone() == (1,)

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Standing, Terms
from filterd.store.aside import is_corrupt, says_corrupt
from filterd.store.sqlite import SqliteState

TERMS = Terms(delay=90, window=7200, expiry=86400, passes=3)
T0 = 1_790_000_000.0


def spoil(path: Path, at: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(count))


def until(is_true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.02)


def filled(path: Path) -> None:
    state = SqliteState(path, timeout=2.0)
    for number in range(300):
        state.attempt("192.0.2.0/24", [f"key {number} {'x' * 60}"], T0, TERMS)
    state.close()


@pytest.mark.parametrize("place", ["header", "pages"])
def test_a_corrupt_file_is_put_aside_and_a_new_one_begun(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.sqlite"
    filled(path)
    spoil(path, 0 if place == "header" else 4096, 100 if place == "header" else 40_000)
    spoilt = path.read_bytes()
    state = SqliteState(path, timeout=2.0, probe_every=0.05)

    def works() -> bool:
        try:
            found = state.attempt("192.0.2.0/24", ["key 1"], T0, TERMS)
        except StoreUnavailable:
            return False
        return found.standing in {Standing.FIRST, Standing.EARLY}

    with caplog.at_level(logging.ERROR):
        until(works)
    state.close()
    (aside,) = tmp_path.glob("state.sqlite.corrupt-*[0-9]")
    assert aside.read_bytes() == spoilt
    assert not is_corrupt(path)
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR] == [
        f"{path} was corrupt and is now {aside.name}; a new one is begun, what it held is forgotten"
    ]


def test_what_is_only_locked_or_missing_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    assert not is_corrupt(path)
    filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert not is_corrupt(path)
    other.close()
    assert not says_corrupt(sqlite3.OperationalError("database is locked"))
    assert not says_corrupt(sqlite3.DatabaseError("written by a newer version"))

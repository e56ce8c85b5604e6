"""Verdicts in SQLite: rows of several writers, a lock of its own, room given back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from filterd.core.errors import StoreUnavailable
from filterd.store.archive import BLOCK, Row
from filterd.store.sqlite_archive import SqliteArchive


def some(start: int, count: int) -> list[Row]:
    return [Row(float(n), frozenset({n % 7}), b"x%d" % n) for n in range(start, start + count)]


def test_writers_in_turn_fill_one_block(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    first, second = SqliteArchive(path), SqliteArchive(path)
    for n in range(0, BLOCK, 64):
        (first if n % 128 else second).append(some(n, 64))
    assert [b.block for b in first.blocks()] == [0]
    assert second.fresh() == []
    first.append(some(BLOCK, 3))
    assert [row.line for row in second.fresh()] == [b"x512", b"x513", b"x514"]
    first.close()
    second.close()


def test_dropped_blocks_make_room_for_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    archive = SqliteArchive(path)
    for turn in range(12):
        archive.append(some(turn * BLOCK, BLOCK))
        if turn >= 2:
            archive.drop([turn - 2])
        if turn == 3:
            archive.close()
            size = path.stat().st_size
    archive.close()
    assert path.stat().st_size <= size * 1.2
    assert [b.block for b in archive.blocks()] == [11, 10]
    archive.close()


def test_a_locked_file_is_a_store_that_is_down(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    archive = SqliteArchive(path, timeout=0.05)
    archive.append(some(0, 1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        archive.append(some(1, 1))
    other.close()
    archive.append(some(1, 1))
    assert len(archive.fresh()) == 2
    archive.close()

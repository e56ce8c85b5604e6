"""The door to SQLite: transactions whole or not at all, nothing across a fork, nothing of a file that is gone."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from filterd.store.database import LOOK_EVERY, MAX_OPEN, Database

SCHEMA = "CREATE TABLE t (n INTEGER PRIMARY KEY); CREATE TABLE u (n INTEGER)"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "x.sqlite", SCHEMA, timeout=0.2, version=1)


def rows(database: Database) -> list[int]:
    return database.read(lambda db: [n for (n,) in db.execute("SELECT n FROM t ORDER BY n")])


def test_nothing_is_opened_before_it_is_used(database: Database) -> None:
    assert not database.path.exists()
    assert rows(database) == []
    assert database.path.exists()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        database.write(half)
    assert rows(database) == []
    database.write(lambda db: db.execute("INSERT INTO t VALUES (2)"))
    assert rows(database) == [2]


def test_the_journal_is_a_write_ahead_log(database: Database) -> None:
    mode = database.read(lambda db: db.execute("PRAGMA journal_mode").fetchone())
    level = database.read(lambda db: db.execute("PRAGMA synchronous").fetchone())
    assert (mode, level) == (("wal",), (1,))


def test_many_open_it_at_once(tmp_path: Path) -> None:
    children = []
    for number in range(6):
        pid = os.fork()
        if pid == 0:
            try:
                Database(tmp_path / "y.sqlite", SCHEMA, timeout=5.0, version=1).write(
                    lambda db, number=number: db.execute("INSERT INTO t VALUES (?)", (number,))  # type: ignore[misc]
                )
                os._exit(0)
            except BaseException:  # noqa: BLE001
                os._exit(1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 6
    assert rows(Database(tmp_path / "y.sqlite", SCHEMA, timeout=0.2, version=1)) == [*range(6)]


def test_threads_share_a_few_connections(database: Database) -> None:
    inside = threading.Barrier(MAX_OPEN)
    together: list[int] = []

    def read(db: sqlite3.Connection) -> None:
        inside.wait(5.0)  # passes only where as many as may be are in use at once
        together.append(id(db))
        db.execute("SELECT 1 FROM t").fetchone()

    database.write(lambda db: db.execute("INSERT INTO t VALUES (1)"))
    threads = [
        threading.Thread(target=database.read, args=(read,)) for _ in range(MAX_OPEN * 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert len(together) == MAX_OPEN * 3
    assert len(set(together)) == MAX_OPEN


def test_a_thread_waits_for_a_writer_of_its_own_process_only_so_long(tmp_path: Path) -> None:
    database = Database(tmp_path / "z.sqlite", SCHEMA, timeout=0.1, version=1)

    def slow(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            database.write(lambda other: other.execute("INSERT INTO t VALUES (2)"))

    database.write(slow)
    assert rows(database) == [1]


def test_a_child_has_connections_of_its_own(database: Database) -> None:
    database.write(lambda db: db.execute("INSERT INTO t VALUES (1)"))
    pid = os.fork()
    if pid == 0:
        try:
            database.write(lambda db: db.execute("INSERT INTO t VALUES (2)"))
            os._exit(0 if rows(database) == [1, 2] else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert rows(database) == [1, 2]


def test_a_file_that_is_gone_is_made_anew(database: Database) -> None:
    database.write(lambda db: db.execute("INSERT INTO t VALUES (1)"))
    for path in database.path.parent.iterdir():
        path.unlink()
    time.sleep(LOOK_EVERY + 0.1)
    assert rows(database) == []


def test_a_lock_is_waited_for_and_no_longer(database: Database) -> None:
    rows(database)
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        database.write(lambda db: db.execute("INSERT INTO t VALUES (1)"))
    assert 0.15 < time.monotonic() - started < 0.6
    assert rows(database) == []  # readers do not wait
    other.close()

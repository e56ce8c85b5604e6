"""What goes wrong with a store: every call is bounded, status says it, recovery is by itself within 2 s."""

from __future__ import annotations

import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deploy.demo.postfix import wait_until
from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Bucket, Standing, Terms
from filterd.store import State
from filterd.store.archive import BLOCK, Row
from filterd.store.redis import RedisState
from filterd.store.redis_archive import RedisArchive
from filterd.store.settings import StoreSettings
from filterd.store.sqlite import SqliteState
from tests.support.proxy import Proxy
from tests.support.redisserver import RedisServer, cluster, sentinel_set

README = Path(__file__).parents[2] / "deploy" / "README.md"
TERMS = Terms()
T0 = 1_790_000_000.0
NET = "192.0.2.0/24"
TIMEOUT = 0.15
LONGEST = 2 * TIMEOUT + 0.15  # seconds: two timeouts, and a busy test machine
RECOVERY = 2.0

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def ask(state: State, name: str = "a", now: float = T0) -> Standing:
    return state.attempt(NET, [f"x {name}"], now, TERMS).standing


def fails_in_time(state: State, calls: int = 12) -> list[float]:
    """Ask while the store is broken; how long each call took. Each one must fail, and soon."""
    took = []
    for n in range(calls):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            ask(state, f"broken{n}")
        took.append(time.monotonic() - started)
    assert max(took) < LONGEST, took
    assert sorted(took)[calls // 2] < 0.01, took  # the breaker is open: most cost nothing
    health = state.health()
    assert not health.is_available
    assert health.last_error
    assert health.failures >= calls
    return took


def comes_back(state: State, within: float = RECOVERY) -> None:
    started = time.monotonic()
    while True:
        try:
            ask(state, "back")
            break
        except StoreUnavailable:
            assert time.monotonic() - started < within, state.health()
            time.sleep(0.02)
    assert state.health().is_available


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with RedisServer(tmp_path) as made:
        yield made


@contextmanager
def opened(**settings: object) -> Iterator[RedisState]:
    state = RedisState(StoreSettings.model_validate({"kind": "redis", **settings}))
    try:
        yield state
    finally:
        state.close()


Fault = Callable[[RedisServer], Callable[[], object]]


def killed(server: RedisServer) -> Callable[[], object]:
    server.stop(signal.SIGKILL)
    return server.start


def paused(server: RedisServer) -> Callable[[], object]:
    server.stop(signal.SIGSTOP)
    return server.resume


def read_only(server: RedisServer) -> Callable[[], object]:
    server.command("REPLICAOF", "127.0.0.1", "1")
    return lambda: server.command("REPLICAOF", "NO", "ONE")


def full(server: RedisServer) -> Callable[[], object]:
    server.command("CONFIG", "SET", "maxmemory", "1")
    return lambda: server.command("CONFIG", "SET", "maxmemory", "0")


def locked_out(server: RedisServer) -> Callable[[], object]:
    server.command("ACL", "SETUSER", "default", "-@all", "+acl", "+ping")
    return lambda: server.command("ACL", "SETUSER", "default", "+@all")


@pytest.mark.redis
@pytest.mark.parametrize("fault", [killed, paused, read_only, full, locked_out])
def test_redis_breaks_and_comes_back(server: RedisServer, fault: Fault) -> None:
    with opened(url=server.url) as state:
        assert ask(state) is Standing.FIRST
        repair = fault(server)
        fails_in_time(state)
        repair()
        comes_back(state)
        assert ask(state, "new") is Standing.FIRST


@pytest.mark.redis
def test_redis_that_answers_after_a_second(server: RedisServer) -> None:
    with Proxy(server.port) as proxy, opened(url=f"redis://127.0.0.1:{proxy.port}/0") as state:
        assert ask(state) is Standing.FIRST
        proxy.seconds = 1.0
        fails_in_time(state)
        proxy.seconds = 0.0
        comes_back(state, within=RECOVERY + 1.5)


@pytest.mark.redis
def test_redis_that_was_never_there(server: RedisServer) -> None:
    server.stop()
    with opened(url=server.url) as state:
        fails_in_time(state)
        server.start()
        comes_back(state)


@pytest.mark.redis
def test_under_load_no_call_waits_long(server: RedisServer) -> None:
    """32 callers, the server paused under them: the sum of all waits is bounded."""
    with opened(url=server.url) as state:
        took: list[float] = []
        over = threading.Event()

        def call(n: int) -> None:
            while not over.is_set():
                started = time.monotonic()
                try:
                    ask(state, str(n))
                except StoreUnavailable:
                    time.sleep(0.01)
                took.append(time.monotonic() - started)

        callers = [threading.Thread(target=call, args=(n,)) for n in range(32)]
        for caller in callers:
            caller.start()
        time.sleep(0.3)
        server.stop(signal.SIGSTOP)
        time.sleep(1.0)
        server.resume()
        comes_back(state)
        over.set()
        for caller in callers:
            caller.join()
        assert max(took) < LONGEST + 0.3
        slow = [t for t in took if t > TIMEOUT * 0.9]
        assert len(slow) <= 2 * 32


@pytest.mark.redis
@pytest.mark.parametrize("how", ["SCRIPT FLUSH", "FLUSHALL", "CLIENT KILL TYPE normal"])
def test_what_an_operator_does_to_redis_is_not_noticed(server: RedisServer, how: str) -> None:
    with opened(url=server.url) as state:
        assert ask(state) is Standing.FIRST
        server.command(*how.split())
        assert ask(state, "b") is Standing.FIRST
        assert state.health().failures == 0
        expected = Standing.FIRST if how == "FLUSHALL" else Standing.EARLY
        assert ask(state, "a") is expected


@pytest.mark.redis
def test_a_restart_between_two_messages_is_not_noticed(server: RedisServer) -> None:
    with opened(url=server.url) as state:
        ask(state)
        server.stop()
        server.start()
        assert ask(state, "b") is Standing.FIRST
        assert state.health().failures == 0


@pytest.mark.redis
def test_a_password_and_an_acl_user(server: RedisServer) -> None:
    published = re.search(r"ACL SETUSER filterd on >PASSWORD (.*)", README.read_text())
    assert published is not None
    rights = published.group(1).split()
    answer = server.command("ACL", "SETUSER", "filterd", "on", ">s3cret", *rights)
    assert answer.startswith("+OK")
    with opened(url=server.url, username="filterd", password="s3cret") as state:
        assert ask(state) is Standing.FIRST
        assert state.health().where == f"127.0.0.1:{server.port}"
        state.charge([Bucket("b", 1, 1, 1)], 1, T0)
        state.sent(["p"], T0, 100)
        state.content(T0, 3.0)
        rows = list(state.export_rows())
        assert state.import_rows(rows) == len(rows)
        state.probe()
    settings = {"url": f"redis://filterd:s3cret@127.0.0.1:{server.port}/0"}
    archive = RedisArchive(StoreSettings.model_validate(settings))
    archive.append([Row(float(n), frozenset({n}), b"x") for n in range(BLOCK + 1)])
    assert len(archive.blocks()) == 1
    archive.drop([0])
    archive.close()
    with opened(url=f"redis://filterd:s3cret@127.0.0.1:{server.port}/0") as state:
        assert ask(state) is Standing.EARLY
        assert "s3cret" not in str(state.health())
    with opened(url=server.url, username="filterd", password="wrong") as state:
        with pytest.raises(StoreUnavailable, match="AuthenticationError"):
            ask(state)


@pytest.mark.redis
def test_a_failover_behind_sentinel(tmp_path: Path) -> None:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with (
        sentinel_set(tmp_path) as watched,
        opened(
            topology="sentinel",
            nodes=(f"127.0.0.1:{watched.sentinel.port}",),
            sentinel_name=watched.name,
        ) as state,
    ):
        assert ask(state) is Standing.FIRST
        held = watched.primary.command("DBSIZE")
        wait_until(lambda: watched.replica.command("DBSIZE") == held, 5.0, "replication")
        watched.primary.stop(signal.SIGKILL)
        fails_in_time(state)
        comes_back(state, within=15)  # the sentinel itself needs a second and an election
        assert ask(state) is Standing.EARLY  # the replica had it


@pytest.mark.redis
def test_a_node_of_a_cluster_goes_and_comes(tmp_path: Path) -> None:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with (
        cluster(tmp_path) as nodes,
        opened(topology="cluster", nodes=tuple(f"127.0.0.1:{n.port}" for n in nodes)) as state,
    ):
        for n in range(60):
            assert state.attempt(f"net{n}", ["x"], T0, TERMS).standing is Standing.FIRST
        nodes[1].stop(signal.SIGSTOP)
        started = time.monotonic()
        for n in range(60):
            try:
                state.attempt(f"net{n}", ["x"], T0, TERMS)
            except StoreUnavailable:
                continue
        assert time.monotonic() - started < 5 * LONGEST
        assert not state.health().is_available
        nodes[1].resume()
        comes_back(state, within=RECOVERY + 3)


@pytest.mark.redis
def test_a_slot_that_moves_is_followed(tmp_path: Path) -> None:
    if not RedisServer.available():
        pytest.skip("redis-server is not installed")
    with (
        cluster(tmp_path) as nodes,
        opened(topology="cluster", nodes=(f"127.0.0.1:{nodes[0].port}",)) as state,
    ):
        for n in range(40):
            ask(state, str(n))
        place = state._shard(NET)
        slot = nodes[0].command("CLUSTER", "KEYSLOT", place).strip(":\r\n")
        ids = [node.command("CLUSTER", "MYID").split("\r\n")[1] for node in nodes]
        owner = next(
            n
            for n in range(3)
            if nodes[n].command("CLUSTER", "COUNTKEYSINSLOT", slot) != ":0\r\n"
        )
        heir = (owner + 1) % 3
        nodes[heir].command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[owner])
        nodes[owner].command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[heir])
        keys = (
            nodes[owner].command("CLUSTER", "GETKEYSINSLOT", slot, "1000").split("\r\n")[2::2]
        )
        moved = ["MIGRATE", "127.0.0.1", str(nodes[heir].port), "", "0", "2000", "KEYS"]
        assert nodes[owner].command(*moved, *keys).startswith("+OK")
        for n in range(9):  # on its way a slot may not know all keys of a script yet (TRYAGAIN)
            with suppress(StoreUnavailable):
                assert ask(state, str(n)) is Standing.EARLY
        assert state.health().is_available
        assert state._door.call("GET", f"{place}x") is None  # ASK
        for node in nodes:
            node.command("CLUSTER", "SETSLOT", slot, "NODE", ids[heir])
        assert ask(state, "8") is Standing.EARLY  # MOVED
        assert state.health().is_available


# -- SQLite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def test_a_file_that_somebody_keeps_locked(path: Path) -> None:
    state = SqliteState(path, timeout=TIMEOUT)
    assert ask(state) is Standing.FIRST
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    fails_in_time(state)
    other.execute("ROLLBACK")
    comes_back(state)
    state.close()


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    state = SqliteState(path, timeout=TIMEOUT)
    with pytest.raises(StoreUnavailable):
        ask(state)
    comes_back(state)  # by itself: it is put aside
    state.close()


def test_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "later" / "state.sqlite", timeout=TIMEOUT)
    fails_in_time(state)
    (tmp_path / "later").mkdir()
    comes_back(state)
    state.close()


def test_a_file_that_was_removed_is_made_anew(path: Path) -> None:
    first, second = SqliteState(path, timeout=TIMEOUT), SqliteState(path, timeout=TIMEOUT)
    assert ask(first) is Standing.FIRST
    assert ask(second) is Standing.EARLY
    for one in path.parent.iterdir():
        one.unlink()
    deadline = time.monotonic() + RECOVERY
    while ask(first, "a") is not Standing.FIRST:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while not path.exists() or ask(second, "b") is Standing.FIRST:
        assert time.monotonic() < deadline
        if ask(first, "b") is Standing.EARLY and ask(second, "a") is Standing.EARLY:
            break
        time.sleep(0.05)
    first.close()
    second.close()


FULL_DISK = """
import resource, signal, sys, time
from pathlib import Path
from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Terms
from filterd.store.sqlite import SqliteState

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
state = SqliteState(Path(sys.argv[1]), timeout=0.15)
state.attempt("n", ["first"], 1.79e9, Terms())
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
failed, longest = 0, 0.0
for n in range(4000):
    started = time.monotonic()
    try:
        state.attempt("n", [f"a rather long sender and recipient {n}"], 1.79e9, Terms())
    except StoreUnavailable:
        failed += 1
    longest = max(longest, time.monotonic() - started)
assert failed > 100, failed
assert longest < 0.6, longest
assert not state.health().is_available
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
deadline = time.monotonic() + 2.0
while True:
    try:
        print(state.attempt("n", ["first"], 1.79e9, Terms()).standing.value)
        break
    except StoreUnavailable:
        assert time.monotonic() < deadline
        time.sleep(0.05)
"""


def test_a_full_disk(path: Path) -> None:
    """The disk is full for a process that may not write past 200 kB of a file (RLIMIT_FSIZE)."""
    assert resource.RLIMIT_FSIZE
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "early"  # what was written before is still there


def test_a_newer_file_is_left_alone(path: Path) -> None:
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version=99")
    newer.close()
    state = SqliteState(path, timeout=TIMEOUT)
    with pytest.raises(StoreUnavailable, match="newer version"):
        ask(state)
    state.close()

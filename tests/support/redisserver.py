"""redisserver - private Redis servers on loopback: one, a cluster of three, or a sentinel set.

Owns:   RedisServer, cluster, sentinel_set. Nothing is written outside the given folder.
Not here: what is stored (filterd.store), skipping: RedisServer.available says whether there is a program.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.postfix import free_ports, wait_until
from deploy.demo.running import Running

SECONDS = 20.0
SLOTS = 16384


class RedisServer(Running):
    """One redis-server on a free port; `stop` and `start` again keep the port and, if saved, the keys."""

    def __init__(self, folder: Path, *, sentinel: bool = False, **options: str) -> None:
        (self.port,) = free_ports(1)
        self.folder = folder / f"redis-{self.port}"
        self.folder.mkdir(parents=True)
        self._mode = ["--sentinel"] if sentinel else []
        self._options: Mapping[str, str] = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "logfile": str(self.folder / "redis.log"),
            "protected-mode": "no",
            **({} if sentinel else {"save": '""', "appendonly": "no"}),
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def available() -> bool:
        """True when this machine has redis-server."""
        return shutil.which("redis-server") is not None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def option(self, name: str) -> str:
        """What the configuration says of that option."""
        return self._options[name]

    def configure(self, lines: Sequence[str]) -> None:
        """Add lines to the configuration; before `start`."""
        text = "".join(f"{name} {value}\n" for name, value in self._options.items())
        (self.folder / "redis.conf").write_text(text + "".join(f"{line}\n" for line in lines))

    def start(self) -> None:
        """Start; returns when it answers PING."""
        config = self.folder / "redis.conf"
        if not config.exists():
            self.configure(())
        self._process = subprocess.Popen(
            ["redis-server", str(config), *self._mode],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, SECONDS, f"redis on port {self.port}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; SIGKILL for a crash, SIGSTOP leaves it alive but silent."""
        process = self._process
        if process is None:
            return
        process.send_signal(how)
        if how is not signal.SIGSTOP:
            process.wait(SECONDS)
            self._process = None

    def resume(self) -> None:
        """Go on after `stop(SIGSTOP)`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> str:
        """One command over the plain protocol; the raw reply (`+OK`, `:1`, `-ERR ...`)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            parts = [f"*{len(words)}\r\n", *(f"${len(w.encode())}\r\n{w}\r\n" for w in words)]
            client.sendall("".join(parts).encode())
            return client.recv(65536).decode("utf-8", "replace")

    def close(self) -> None:
        self.resume()
        self.stop(signal.SIGKILL)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            log = self.folder / "redis.log"
            raise RuntimeError(log.read_text() if log.exists() else "redis ended at once")
        try:
            return self.command("PING").startswith("+PONG")
        except OSError:
            return False


@contextmanager
def cluster(folder: Path) -> Iterator[list[RedisServer]]:
    """Three primaries that share the slots evenly; ready when each says `cluster_state:ok`."""
    with ExitStack() as stack:
        nodes = []
        for bus in free_ports(3):  # not port + 10000, which may be no port at all
            node = RedisServer(folder, cluster_enabled="yes", cluster_port=str(bus))
            nodes.append(stack.enter_context(node))
        for index, node in enumerate(nodes):
            first, last = SLOTS * index // 3, SLOTS * (index + 1) // 3 - 1
            node.command("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            node.command("CLUSTER", "SET-CONFIG-EPOCH", str(index + 1))
            if index:
                bus_port = node.option("cluster-port")
                nodes[0].command("CLUSTER", "MEET", "127.0.0.1", str(node.port), bus_port)
        wait_until(
            lambda: all(
                "cluster_state:ok" in node.command("CLUSTER", "INFO") for node in nodes
            ),
            SECONDS,
            "the cluster",
        )
        yield nodes


@dataclass(frozen=True, slots=True)
class SentinelSet:
    """A primary, its replica, and the one sentinel that fails over a second after the primary's end."""

    name: str
    sentinel: RedisServer
    primary: RedisServer
    replica: RedisServer


@contextmanager
def sentinel_set(folder: Path, name: str = "filterd") -> Iterator[SentinelSet]:
    """Ready when the sentinel knows the replica, so that stopping the primary fails over."""
    with ExitStack() as stack:
        primary = stack.enter_context(RedisServer(folder, repl_diskless_sync_delay="0"))
        replica = stack.enter_context(
            RedisServer(folder, replicaof=f"127.0.0.1 {primary.port}")
        )
        wait_until(
            lambda: "master_link_status:up" in replica.command("INFO", "replication"),
            SECONDS,
            "the replica",
        )
        watcher = RedisServer(folder, sentinel=True)
        watcher.configure(
            [
                f"sentinel monitor {name} 127.0.0.1 {primary.port} 1",
                f"sentinel down-after-milliseconds {name} 1000",
                f"sentinel failover-timeout {name} 5000",
            ]
        )
        stack.enter_context(watcher)
        wait_until(
            lambda: str(replica.port) in watcher.command("SENTINEL", "replicas", name),
            SECONDS,
            "the sentinel's knowledge of the replica",
        )
        yield SentinelSet(name, watcher, primary, replica)

"""A master with real workers around checks that a test chooses; for tests of serve and the milter."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo.postfix import free_ports
from filterd.config.listen import Socket
from filterd.core.check import Check
from filterd.core.clock import SystemClock
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.frontends.milter.service import DelayGate, MilterService
from filterd.scan.scanner import Scanner
from filterd.serve.master import Generation, Master
from filterd.serve.sockets import Listen
from filterd.serve.worker import Job
from tests.support.scanning import a_scanner


@dataclass
class Service:
    """The running master; `address` is where its milter listens."""

    pid: int
    status_file: Path
    address: tuple[str, int] | str

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.status_file.read_text())
        return found

    @property
    def workers(self) -> list[int]:
        """Pids of workers that take connections."""
        return [w["pid"] for w in self.status["workers"] if not w["retiring"]]

    def until(self, is_true: Callable[[], bool], seconds: float = 10.0) -> None:
        """Return once it is true; AssertionError after `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError, KeyError):
                if is_true():
                    return
            time.sleep(0.01)
        raise AssertionError("it did not become true in time")


class _Worker:
    def __init__(self, scanner: Scanner) -> None:
        self._service = MilterService(scanner, "test", DelayGate(10, busy=1000))

    def run(self, listener: socket.socket) -> None:
        self._service.run(listener)

    def retire(self, patience: float) -> None:
        self._service.retire(patience)

    def close(self) -> None: ...


def running(
    tmp_path: Path,
    *checks: Check,
    workers: int = 2,
    address: Socket | None = None,
    patience: float = 5.0,
    on_death: Callable[[int], object] = lambda _pid: None,
    **scanner: Any,
) -> contextlib.AbstractContextManager[Service]:
    """Fork a master that serves `checks`; files "broken" and "mistaken" in tmp_path make reloads fail, "changed" makes one."""
    made = a_scanner(*checks, clock=SystemClock(), **scanner)
    return running_scanner(
        tmp_path,
        made,
        workers=workers,
        address=address,
        patience=patience,
        on_death=on_death,
    )


@contextlib.contextmanager
def running_scanner(
    tmp_path: Path,
    scanner: Scanner,
    *,
    workers: int = 1,
    address: Socket | None = None,
    patience: float = 5.0,
    on_death: Callable[[int], object] = lambda _pid: None,
) -> Iterator[Service]:
    """Fork a master whose workers scan with `scanner`."""
    where = address or Socket(host="127.0.0.1", port=free_ports(1)[0])
    status_file = tmp_path / "status.json"

    def changed() -> str:
        try:
            (tmp_path / "changed").unlink()
        except FileNotFoundError:
            return ""
        return "a file changed"

    def build() -> Generation:
        if (tmp_path / "broken").exists():
            raise ConfigError([ConfigProblem("rules.toml", "3:1", "broken on purpose")])
        if (tmp_path / "mistaken").exists():
            raise RuntimeError("a mistake of ours")
        job = Job("milter", workers, Listen(where), lambda: _Worker(scanner))
        return Generation([job], patience, {}, changed=changed, summary="test")

    pid = os.fork()
    if pid == 0:
        try:
            wall = SystemClock().now
            code = Master(build, status_file, wall, on_death=on_death).run()
        except BaseException as error:  # noqa: BLE001 - the test sees it on stderr
            print(repr(error), file=sys.stderr)
            code = 70
        os._exit(code)
    service = Service(pid, status_file, where.path or (where.host, where.port))
    try:
        service.until(lambda: len(service.workers) == workers)
        yield service
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + patience + 5
        while time.monotonic() < end and os.waitpid(pid, os.WNOHANG) == (0, 0):
            time.sleep(0.02)


__all__: Sequence[str] = ("Service", "running", "running_scanner")

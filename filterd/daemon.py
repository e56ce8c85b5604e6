"""daemon - the service: generations of milter workers (and HTTP), built from settings.

Owns:   serve, what a worker opens after the fork, dropping privileges, limits of libraries.
Not here: processes (serve), libmilter (frontends.milter), what a scan needs (assembly).
"""

from __future__ import annotations

import logging
import os
import pwd
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from grp import getgrnam
from pathlib import Path

from filterd.assembly import Assembly
from filterd.config.load import Loaded
from filterd.config.settings import FilterSettings
from filterd.core.clock import SystemClock
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.transaction import Transaction
from filterd.core.verdict import Verdict
from filterd.dns import open_resolver
from filterd.frontends.milter.service import DelayGate, MilterService
from filterd.observe import metrics
from filterd.observe.log import MessageLog, open_log
from filterd.scan.scanner import Observer
from filterd.serve.master import Generation, Master
from filterd.serve.sockets import Listen
from filterd.serve.worker import Job
from filterd.store import open_stores

log = logging.getLogger("filterd")

MILTER_NAME = "filterd"
PATIENCE = 30.0  # seconds a retiring worker waits for its sessions


def serve(load: Callable[[], Loaded]) -> int:
    """Run until told to stop. ConfigError at the start passes through, at a reload it is logged."""
    clock = SystemClock()
    first = load().settings
    _make_directory(first.state_dir)
    _make_directory(first.run_dir)
    open_log(first.log)
    counts = first.run_dir / "metrics"
    metrics.open_directory(counts)
    master = Master(
        build=lambda: generation(load()),
        status_file=first.run_dir / "status.json",
        wall=clock.now,
        after_bind=lambda: drop_privileges(first),
        on_death=lambda pid: metrics.absorb(counts, pid),
    )
    return master.run()


def generation(loaded: Loaded) -> Generation:
    """Everything one reading of the settings asks for."""
    settings = loaded.settings
    assembly = Assembly.of(settings)
    milter = settings.milter
    jobs = [
        Job(
            name="milter",
            count=milter.workers or os.cpu_count() or 1,
            listen=Listen(
                address, milter.socket_mode, milter.socket_owner, milter.socket_group
            ),
            start=lambda: MilterWorker(assembly),
        )
        for address in milter.sockets
    ]
    facts = {
        "mode": settings.mode,
        "files": [str(path) for path in loaded.files],
        "sockets": [str(address) for address in milter.sockets],
        "rules": assembly.rules.summary,
        "store": settings.store.kind,
    }
    return Generation(jobs, PATIENCE, facts, summary=assembly.summary)


@dataclass
class MilterWorker:
    """One milter worker, from after the fork to its end."""

    assembly: Assembly
    _leaving: threading.Event = field(default_factory=threading.Event)
    _meter: metrics.Meter | None = None

    def __post_init__(self) -> None:
        settings = self.assembly.settings
        self._resolver = open_resolver(settings.dns)
        self._stores = open_stores(settings.store, settings.state_dir)
        scanner = self.assembly.scanner(
            resolver=self._resolver,
            stores=self._stores,
            clock=SystemClock(),
            observe=self._observe,
        )
        self._observers: list[Observer] = [MessageLog(settings.log)]
        if settings.metrics.enabled:
            self._meter = metrics.Meter(
                settings.run_dir / "metrics",
                settings.metrics,
                pid=os.getpid(),
                started=SystemClock().now(),
            )
            self._meter.start()
            self._observers.append(self._meter)
        gate = DelayGate(100, self._leaving)
        self._service = MilterService(scanner, MILTER_NAME, gate)

    def _observe(self, tx: Transaction, verdict: Verdict) -> None:
        """Log, count and record one verdict; nothing here may harm the mail."""
        for observer in self._observers:
            try:
                observer(tx, verdict)
            except Exception:
                log.exception("%s: %r failed", verdict.why_id, observer)

    def run(self, listener: socket.socket) -> None:
        """Serve until retired."""
        self._service.run(listener)

    def retire(self, patience: float) -> None:
        """Take nothing new; end the waits of the tarpit, then let the sessions end."""
        self._leaving.set()
        self._service.retire(patience)

    def close(self) -> None:
        """Flush and release."""
        if self._meter is not None:
            self._meter.close()
        self._resolver.close()
        self._stores.close()


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            [ConfigProblem("", "state_dir", f"cannot make {path}: {error.strerror}")]
        ) from error


def drop_privileges(settings: FilterSettings) -> None:
    """Become milter.user and milter.group for good; the sockets are open by now."""
    chosen = settings.milter
    if not chosen.user:
        return
    try:
        account = pwd.getpwnam(chosen.user)
        gid = getgrnam(chosen.group).gr_gid if chosen.group else account.pw_gid
    except KeyError as error:
        raise ConfigError(
            [ConfigProblem("", "milter.user", f"no such user or group: {error}")]
        ) from error
    if os.getuid() != 0:
        if os.getuid() != account.pw_uid:
            raise ConfigError(
                [ConfigProblem("", "milter.user", "only root can become another user")]
            )
        return
    for path in (settings.state_dir, settings.run_dir):
        os.chown(path, account.pw_uid, gid)
    os.initgroups(account.pw_name, gid)
    os.setgid(gid)
    os.setuid(account.pw_uid)

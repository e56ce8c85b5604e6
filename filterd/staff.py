"""staff - the workers of the service: what each opens after the fork, watches and releases.

Owns:   MilterWorker, HttpWorker (serve.worker.Running), the observers of a scan.
Not here: processes (serve), libmilter (frontends.milter), uvicorn (frontends.http).
Rules of this file: nothing that an observer does may harm the mail.
"""

from __future__ import annotations

import logging
import os
import socket
import threading

from filterd.assembly import Assembly
from filterd.core.clock import SystemClock
from filterd.core.transaction import Transaction
from filterd.core.verdict import Verdict
from filterd.dns import open_resolver
from filterd.frontends.milter.service import DelayGate, MilterService
from filterd.observe.log import MessageLog
from filterd.observe.metrics import Meter
from filterd.scan.scanner import Observer, Scanner
from filterd.store import open_stores

log = logging.getLogger("filterd")

MILTER_NAME = "filterd"
TARPIT_PLACES = 100  # sessions that one worker holds at once; over it nobody is held


class Desk:
    """What every worker has: a resolver, stores, observers, a scanner."""

    def __init__(self, assembly: Assembly) -> None:
        settings = assembly.settings
        clock = SystemClock()
        self.resolver = open_resolver(settings.dns)
        self.stores = open_stores(settings.store, settings.state_dir)
        self.meter: Meter | None = None
        self._observers: list[Observer] = [MessageLog(settings.log)]
        if settings.metrics.enabled:
            self.meter = Meter(
                settings.run_dir / "metrics",
                settings.metrics,
                pid=os.getpid(),
                started=clock.now(),
            )
            self.meter.start()
            self._observers.append(self.meter)
        self.scanner: Scanner = assembly.scanner(
            resolver=self.resolver, stores=self.stores, clock=clock, observe=self._observe
        )

    def _observe(self, tx: Transaction, verdict: Verdict) -> None:
        for observer in self._observers:
            try:
                observer(tx, verdict)
            except Exception:
                log.exception("%s: %r failed", verdict.why_id, observer)

    def close(self) -> None:
        """Flush and release."""
        if self.meter is not None:
            self.meter.close()
        self.resolver.close()
        self.stores.close()


class MilterWorker:
    """One milter worker, from after the fork to its end."""

    def __init__(self, assembly: Assembly) -> None:
        self._leaving = threading.Event()
        self._desk = Desk(assembly)
        gate = DelayGate(TARPIT_PLACES, self._leaving)
        self._service = MilterService(self._desk.scanner, MILTER_NAME, gate)

    def run(self, listener: socket.socket) -> None:
        """Serve until retired."""
        self._service.run(listener)

    def retire(self, patience: float) -> None:
        """Take nothing new; end the waits of the tarpit, then let the sessions end."""
        self._leaving.set()
        self._service.retire(patience)

    def close(self) -> None:
        """Flush and release."""
        self._desk.close()


class HttpWorker:
    """The HTTP worker: the same scanner behind uvicorn."""

    def __init__(self, assembly: Assembly) -> None:
        from filterd.frontends.http.app import make_app
        from filterd.frontends.http.service import HttpService
        from filterd.frontends.http.services import HttpServices, RuleLine

        self._desk = Desk(assembly)
        services = HttpServices(
            settings=assembly.settings,
            scanner=self._desk.scanner,
            clock=SystemClock(),
            checks=assembly.plan.checks,
            greylist=self._desk.stores.greylist,
            stores=self._desk.stores.status,
            rules=[
                RuleLine(symbol, score.points, score.group, score.describe, score.shadow)
                for symbol, score in assembly.rules.scores.items()
            ],
            facts={"rules": assembly.rules.summary},
        )
        self._service = HttpService(make_app(services))

    def run(self, listener: socket.socket) -> None:
        """Serve until retired."""
        self._service.run(listener)

    def retire(self, patience: float) -> None:
        """Take no new requests, let those begun end."""
        self._service.retire(patience)

    def close(self) -> None:
        """Flush and release."""
        self._service.close()
        self._desk.close()

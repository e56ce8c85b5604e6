"""staff - the workers of the service: what each opens after the fork, watches and releases.

Owns:   MilterWorker, HttpWorker (serve.worker.Running), the observers of a scan.
Not here: processes (serve), libmilter (frontends.milter), uvicorn (frontends.http).
Rules of this file: nothing that an observer does may harm the mail.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from filterd.assembly import Assembly
from filterd.checks.tarpit import Settings as TarpitSettings
from filterd.classify import open_follower
from filterd.core.clock import SystemClock
from filterd.core.history import remember
from filterd.core.labels import Kind
from filterd.core.transaction import Transaction
from filterd.core.verdict import Verdict
from filterd.dns import open_resolver
from filterd.dns.watch import ZoneState, ZoneWatch
from filterd.frontends.milter.service import DelayGate, MilterService
from filterd.observe.log import MessageLog
from filterd.observe.metrics import Meter, Sample
from filterd.scan.scanner import Observer, Scanner
from filterd.serve import memory
from filterd.serve.rounds import Rounds
from filterd.store import open_stores
from filterd.store.dmarc import open_reports

if TYPE_CHECKING:
    from filterd.classify.follow import Follower
    from filterd.classify.learner import Learner
    from filterd.config.settings import FilterSettings
    from filterd.mail.message import Message

log = logging.getLogger("filterd")

MILTER_NAME = "filterd"
LABELS_EVERY = 0.4  # seconds: what was said anywhere is in force within one


def prepare(settings: FilterSettings) -> None:
    """Import before the fork what each worker will: done after it, that is 2 MB for each of them."""
    open_stores(settings.store, settings.state_dir, settings.history)  # connects to nothing
    if settings.classifier.enabled:
        importlib.import_module("filterd.classify.follow")


class Desk:
    """What every worker has: a resolver, stores, observers, a scanner."""

    def __init__(self, assembly: Assembly) -> None:
        settings = assembly.settings
        clock = SystemClock()
        self._tidying = Rounds(memory.tidying(), memory.TIDY_EVERY, "filterd-memory")
        self._tidying.start()
        self.resolver = open_resolver(settings.dns)
        self.stores = open_stores(
            settings.store,
            settings.state_dir,
            settings.history,
            is_observing=settings.mode == "observe",
        )
        self.zones = ZoneWatch(
            assembly.dns_lists(),
            self.resolver.probe,
            hold=self.resolver.hold,
            shared=self.stores.pauses,
        )
        self.zones.start()
        wants_reports = settings.dmarc_reports.enabled
        self._reports = (
            open_reports(settings.store, settings.state_dir) if wants_reports else None
        )
        self.meter: Meter | None = None
        self._follower: Follower | None = None
        self._labels: Rounds | None = None
        if settings.classifier.enabled:
            self._follower = open_follower(
                settings.classifier,
                settings.state_dir,
                settings.store,
                clock,
                classifier=assembly.classifier,
            )
            self._labels = Rounds(self._follower.tick, LABELS_EVERY, "filterd-labels")
            self._labels.start()
        self._observers: list[Observer] = [MessageLog(settings.log)]
        if settings.metrics.enabled:
            self.meter = Meter(
                settings.run_dir / "metrics",
                settings.metrics,
                pid=os.getpid(),
                started=clock.now(),
            )
            self.meter.watch(self.stores.samples)
            self.meter.watch(lambda: _dns_samples(self.resolver.stats()))
            self.meter.watch(lambda: _zone_samples(self.zones.states()))
            self.meter.start()
            self._observers.append(self.meter)
        if (history := self.stores.history) is not None:
            keeps_subject = settings.history.subject

            def record(tx: Transaction, verdict: Verdict) -> None:
                history.record(remember(tx, verdict, clock.now(), subject=keeps_subject))

            self._observers.append(record)
        self.scanner: Scanner = assembly.scanner(
            resolver=self.resolver,
            stores=self.stores,
            clock=clock,
            reports=self._reports,
            zones=self.zones,
            observe=self._observe,
        )

    def _observe(self, tx: Transaction, verdict: Verdict) -> None:
        for observer in self._observers:
            try:
                observer(tx, verdict)
            except Exception:
                log.exception("%s: %r failed", verdict.why_id, observer)

    def close(self) -> None:
        """Flush and release."""
        self._tidying.close()
        if self._labels is not None:
            self._labels.close()
        if self._follower is not None:
            self._follower.close()
        if self.meter is not None:
            self.meter.close()
        self.zones.close()
        self.resolver.close()
        self.stores.close()
        if self._reports is not None:
            self._reports.close()


def _dns_samples(stats: Mapping[str, int]) -> Iterator[Sample]:
    """The resolver's counters as metrics."""
    said = stats["received"] - stats["failures"]
    for status, count in (
        ("answered", said),
        ("failed", stats["failures"]),
        ("timeout", stats["timeouts"]),
        ("held", stats["held"]),
    ):
        yield "filterd_dns_answers", (status,), float(max(0, count))
    yield "filterd_dns_cache", ("hit",), float(stats["hits"])
    yield "filterd_dns_cache", ("miss",), float(max(0, stats["asked"] - stats["hits"]))


def _zone_samples(states: Iterable[ZoneState]) -> Iterator[Sample]:
    """What each DNS list said, and whether it is believed."""
    for state in states:
        yield "filterd_zone_answers", (state.zone, "listed"), float(state.listed)
        yield "filterd_zone_answers", (state.zone, "clean"), float(state.asked - state.listed)
        yield "filterd_zone_open", (state.zone,), float(not state.is_usable)


class MilterWorker:
    """One milter worker, from after the fork to its end."""

    def __init__(self, assembly: Assembly) -> None:
        self._leaving = threading.Event()
        self._desk = Desk(assembly)
        tarpit = assembly.settings.check_settings["tarpit"]
        assert isinstance(tarpit, TarpitSettings)
        self._gate = DelayGate(tarpit.places, self._leaving, tarpit.busy)
        self._service = MilterService(self._desk.scanner, MILTER_NAME, self._gate)
        if self._desk.meter is not None:
            self._desk.meter.watch(self._samples)

    def _samples(self) -> Iterator[Sample]:
        yield "filterd_sessions", (), float(self._service.live)
        yield "filterd_held", (), float(self._gate.held)
        yield "filterd_answers_held", (), float(self._gate.total)
        yield "filterd_hung_up", (), float(self._service.hung_up)

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


def _teacher(assembly: Assembly) -> Callable[[Message, str, str], str]:
    """What takes a label over HTTP; the journal is opened with the first one."""
    settings = assembly.settings
    clock = SystemClock()
    opened: list[Learner] = []

    def learn(message: Message, label: str, user: str) -> str:
        from filterd.classify import open_learner
        from filterd.classify.learner import Said

        if not opened:
            opened.append(open_learner(settings.classifier, settings.state_dir, settings.store))
        said = Said(message, Kind(label), clock.now(), user=user, origin="http")
        return opened[0].learn([said])[0].value

    return learn


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
            history=self._desk.stores.history,
            greylist=self._desk.stores.greylist,
            learn=_teacher(assembly) if assembly.settings.classifier.enabled else None,
            stores=self._desk.stores.status,
            zones=self._desk.zones.states,
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

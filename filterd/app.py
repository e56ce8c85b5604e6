"""app - the composition root as the commands see it.

Owns:   App (frontends.cli.context.App): settings, scanner, stores, rules, classifier, service by name.
Not here: how a scanner is put together (assembly), how the service lives (daemon).
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filterd.assembly import Assembly, NoDns
from filterd.checks.catalogue import ALL
from filterd.classify import open_classifier
from filterd.config.load import Loaded, load
from filterd.config.settings import FilterSettings
from filterd.core.check import Check
from filterd.core.clock import StoppedClock, SystemClock
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.lookup import Resolver
from filterd.core.stores import HistoryStore
from filterd.dns import open_resolver
from filterd.frontends.cli.context import State
from filterd.ruleset import RuleSet
from filterd.ruleset import load as load_rules
from filterd.scan.scanner import Scanner
from filterd.store import Stores, open_history, open_stores
from filterd.store.dmarc import Reports, open_reports
from filterd.store.settings import StoreSettings

log = logging.getLogger("filterd")


class App:
    """What the commands may ask for (frontends.cli.context.App)."""

    def load_settings(self, path: Path | None, overrides: Mapping[str, str]) -> Loaded:
        """Settings of all sources; ConfigError with every problem."""
        return load(path, overrides, os.environ)

    @contextlib.contextmanager
    def build_scanner(
        self,
        settings: FilterSettings,
        *,
        zone: str | None = None,
        no_dns: bool = False,
        state: State = "live",
        at: float | None = None,
    ) -> Iterator[Scanner]:
        """A scanner for this process, closed on leaving."""
        stores: Stores | None = None
        if state == "memory":
            stores = open_stores(StoreSettings(kind="memory"), settings.state_dir)
        elif state == "live":
            stores = self.open_stores(settings)
        resolver = _resolver(settings, zone=zone, no_dns=no_dns)
        try:
            yield Assembly.of(settings).scanner(
                resolver=resolver,
                stores=stores,
                clock=SystemClock() if at is None else StoppedClock(at),
            )
        finally:
            resolver.close()
            if stores is not None:
                stores.close()

    def open_stores(self, settings: FilterSettings) -> Stores:
        """The configured stores."""
        return open_stores(settings.store, settings.state_dir)

    @contextlib.contextmanager
    def open_resolver(
        self, settings: FilterSettings, *, zone: str | None = None
    ) -> Iterator[Resolver]:
        """The configured resolver, or one that answers from zone text; closed on leaving."""
        resolver = _resolver(settings, zone=zone, no_dns=False)
        try:
            yield resolver
        finally:
            resolver.close()

    @contextlib.contextmanager
    def open_reports(self, settings: FilterSettings) -> Iterator[Reports]:
        """The DMARC results that wait to be reported, asked for with patience; closed on leaving."""
        patient = max(settings.store.timeout, 5.0)
        store = settings.store.model_copy(update={"timeout": patient})
        reports = open_reports(store, settings.state_dir)
        try:
            yield reports
        finally:
            reports.close()

    @contextlib.contextmanager
    def open_history(self, settings: FilterSettings) -> Iterator[HistoryStore]:
        """The recorded verdicts, closed on leaving; ConfigError where none are kept."""
        recorder = open_history(settings.store, settings.state_dir, settings.history)
        if recorder is None:
            problem = ConfigProblem("", "history.enabled", "no verdicts are recorded")
            raise ConfigError([problem])
        try:
            yield recorder
        finally:
            recorder.close()

    def load_rules(self, settings: FilterSettings) -> RuleSet:
        """The compiled rule set; ConfigError with every problem."""
        return load_rules(settings.rules)

    def open_classifier(self, settings: FilterSettings) -> Any:
        """The classifier in force."""
        return open_classifier(settings.classifier, settings.state_dir)

    def checks(self) -> Sequence[Check]:
        """Every check there is, in catalogue order."""
        return ALL

    def serve(self, load: Callable[[], Loaded]) -> int:
        """Run the service in the foreground until told to stop; the exit status."""
        from filterd.daemon import serve

        return serve(load)


def _resolver(settings: FilterSettings, *, zone: str | None, no_dns: bool) -> Resolver:
    if zone is not None:
        from filterd.dns.zone import Zone

        read = Zone(zone)
        for problem in read.problems:
            log.warning("zone: %s; left out", problem)
        return read
    return NoDns() if no_dns else open_resolver(settings.dns)

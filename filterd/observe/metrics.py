"""metrics - what is counted, in each worker's memory, and how the workers' counts become one.

Owns:   every metric (METRICS), Meter (counts in a worker), read_totals, absorb, exposition.
A worker adds to plain dictionaries (25 us a message; prometheus_client's own multiprocess values took
4.5 us for each of some 40 increments, deploy/decisions/0601) and writes them to its file once a second.
Whoever is asked adds the files up; the counts of a dead worker move to RETIRED, so totals never fall.
Not here: numbers that others keep (stores, DNS); they are asked through `Meter.watch`.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction
    from filterd.core.verdict import Verdict
    from filterd.observe.settings import MetricsSettings

Kind = Literal["counter", "gauge", "histogram"]
Series = tuple[str, ...]  # metric, then label values
Sample = tuple[str, tuple[str, ...], float]

RETIRED = "retired.json"
OTHER = "other"
FLUSH_SECONDS = 1.0
MAX_FILE_BYTES = 32 << 20
MAX_SERIES = 20_000  # of one worker; what comes later is not counted

LATENCY = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SCORE = (-10.0, -5.0, -2.0, 0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as it is declared: name without its suffix, kind, help, label names."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "filterd_verdicts", "counter", "Verdicts given.", ("action", "stage", "profile")
        ),
        Metric("filterd_would", "counter", "What observe mode would have done.", ("action",)),
        Metric("filterd_scan_seconds", "histogram", "Time of a scan.", ("stage",), LATENCY),
        Metric("filterd_check_seconds", "histogram", "Time in a check.", ("check",), LATENCY),
        Metric(
            "filterd_check_failures",
            "counter",
            "Checks that could not do their work.",
            ("check",),
        ),
        Metric("filterd_hits", "counter", "Symbols hit.", ("symbol",)),
        Metric("filterd_score", "histogram", "Scores at end of message.", (), SCORE),
        Metric("filterd_auth", "counter", "Authentication results.", ("method", "result")),
        Metric("filterd_marks", "counter", "Limits that messages reached.", ("mark",)),
        Metric("filterd_delays", "counter", "Sessions held on purpose.", ("stage",)),
        Metric("filterd_delay_seconds", "counter", "Seconds sessions were held on purpose."),
        Metric("filterd_zone_answers", "counter", "Answers of DNS lists.", ("zone", "result")),
        Metric("filterd_zone_open", "gauge", "DNS lists that are not believed now.", ("zone",)),
        Metric("filterd_dns_answers", "counter", "Answers of the resolver.", ("status",)),
        Metric(
            "filterd_dns_cache",
            "counter",
            "Questions answered from memory or not.",
            ("result",),
        ),
        Metric("filterd_store_calls", "counter", "Calls of the shared store.", ("result",)),
        Metric("filterd_store_open", "gauge", "Stores that are given up for now.", ("store",)),
        Metric("filterd_sessions", "gauge", "Sessions open now.", ()),
        Metric("filterd_held", "gauge", "Sessions held on purpose now.", ()),
        Metric("filterd_answers_held", "counter", "Answers held on purpose."),
        Metric(
            "filterd_hung_up",
            "counter",
            "Sessions that ended after a held answer, without a word.",
        ),
    )
}
# A gauge of one thing seen by several workers is as bad as the worst of them says, not the sum.
_WORST = frozenset({"filterd_zone_open", "filterd_store_open"})
_HISTOGRAM = {name: m.buckets for name, m in METRICS.items() if m.kind == "histogram"}


@dataclass(slots=True)
class Counts:
    """Numbers by series. A histogram has a count for each bucket, one above all, then the sum."""

    numbers: dict[Series, float] = field(default_factory=dict)
    histograms: dict[Series, list[float]] = field(default_factory=dict)

    def plain(self) -> list[Any]:
        """As JSON values."""
        return [
            [[list(k), v] for k, v in self.numbers.items()],
            [[list(k), v] for k, v in self.histograms.items()],
        ]

    def add_plain(self, plain: Any, *, gauges: bool = True) -> None:
        """Add what `plain` gave; ValueError or TypeError when it is something else."""
        numbers, histograms = plain
        for key, value in numbers:
            series = _series(key)
            metric = METRICS.get(series[0])
            if metric is None or (metric.kind == "gauge" and not gauges):
                continue
            if series[0] in _WORST:
                self.numbers[series] = max(self.numbers.get(series, 0.0), float(value))
            else:
                self.numbers[series] = self.numbers.get(series, 0.0) + float(value)
        for key, values in histograms:
            series = _series(key)
            buckets = _HISTOGRAM.get(series[0])
            if buckets is None or len(values) != len(buckets) + 2:
                continue  # written by another version of the program
            known = self.histograms.setdefault(series, [0.0] * len(values))
            for index, value in enumerate(values):
                known[index] += float(value)


def _series(key: Any) -> Series:
    series = tuple(str(part) for part in key)
    if not series:
        raise ValueError("a series without a name")
    return series


class Meter:
    """One worker's counts; an observer of the scanner. Thread-safe.

    Open it after the fork. `start` begins to write the file, `close` writes it a last time.
    """

    def __init__(
        self, directory: Path, settings: MetricsSettings, *, pid: int, started: float
    ) -> None:
        self._file = directory / f"worker-{pid}-{int(started * 1000):x}.json"
        self._settings = settings
        self._lock = threading.Lock()
        self._counts = Counts()
        self._sources: list[Callable[[], Iterable[Sample]]] = []
        self._known: dict[str, set[str]] = {"symbol": set(), "zone": set(), "mark": set()}
        self._changed = True
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, tx: Transaction, verdict: Verdict) -> None:
        """Count one verdict."""
        with self._lock:
            self._changed = True
            self._count(verdict)

    def _count(self, verdict: Verdict) -> None:
        numbers = self._counts.numbers
        stage = verdict.stage
        self._add("filterd_verdicts", verdict.action.value, stage, verdict.profile)
        if verdict.would is not None:
            self._add("filterd_would", verdict.would.value)
        self._observe(("filterd_scan_seconds", stage), verdict.milliseconds / 1000)
        if stage == "eom":
            self._observe(("filterd_score",), verdict.score)
        for span in verdict.spans:
            self._observe(("filterd_check_seconds", span.name), span.milliseconds / 1000)
        for hit in verdict.hits:
            symbol = self._bounded("symbol", hit.symbol, self._settings.max_symbols)
            key = ("filterd_hits", symbol)
            numbers[key] = numbers.get(key, 0.0) + 1
        for result in verdict.auth_results:
            self._add("filterd_auth", result.method, result.result)
        for failure in verdict.failures:
            self._add("filterd_check_failures", failure.partition(":")[0])
        for mark in verdict.marks:
            self._add("filterd_marks", self._bounded("mark", mark, 100))
        if verdict.delayed:
            self._add("filterd_delays", stage)
            held: Series = ("filterd_delay_seconds",)
            numbers[held] = numbers.get(held, 0.0) + verdict.delayed

    def _add(self, *series: str) -> None:
        numbers = self._counts.numbers
        known = numbers.get(series)
        if known is not None:
            numbers[series] = known + 1
        elif len(numbers) < MAX_SERIES:
            numbers[series] = 1.0

    def _observe(self, series: Series, value: float) -> None:
        buckets = _HISTOGRAM[series[0]]
        values = self._counts.histograms.get(series)
        if values is None:
            if len(self._counts.histograms) >= MAX_SERIES:
                return
            values = self._counts.histograms[series] = [0.0] * (len(buckets) + 2)
        values[bisect_left(buckets, value)] += 1
        values[-1] += value

    def _bounded(self, label: str, value: str, most: int) -> str:
        known = self._known[label]
        if value not in known:
            if len(known) >= most:
                return OTHER
            known.add(value)
        return value

    def watch(self, source: Callable[[], Iterable[Sample]]) -> None:
        """Ask `source` before each writing for numbers kept elsewhere (totals and gauges)."""
        self._sources.append(source)

    def start(self) -> None:
        """Write the file now and then every second while something has changed."""
        self.flush()
        self._thread = threading.Thread(target=self._write_on, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(FLUSH_SECONDS)
        self.flush()

    def _write_on(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()

    def flush(self) -> None:
        """Write the counts for others to read; a full disk loses numbers, never mail."""
        watched = list(self._watched())
        with self._lock:
            numbers = self._counts.numbers
            for name, labels, value in watched:
                if numbers.get((name, *labels)) != value:
                    numbers[(name, *labels)] = value
                    self._changed = True
            if not self._changed:
                return
            self._changed = False
            text = json.dumps(self._counts.plain())
        with contextlib.suppress(OSError):
            _replace(self._file, text)

    def _watched(self) -> Iterator[Sample]:
        for source in self._sources:
            for name, labels, value in source():
                metric = METRICS[name]
                if "zone" in metric.labels:
                    zone = self._bounded("zone", labels[0], self._settings.max_zones)
                    labels = (zone, *labels[1:])
                yield name, labels, value


def _replace(file: Path, text: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


# -- all workers together ------------------------------------------------------------------------


def read_totals(directory: Path) -> Counts:
    """The sum over all workers, living and dead."""
    totals = Counts()
    absorbed = _read_retired(directory, totals)
    for file in _worker_files(directory):
        if file.name not in absorbed:
            _add_file(totals, file)
    return totals


def absorb(directory: Path, pid: int | None = None) -> None:
    """Move the counts of a worker that is gone (of all, without `pid`) to the retired ones.

    The file is named in RETIRED before it goes, so that a reader never counts it twice.
    """
    totals = Counts()
    absorbed = _read_retired(directory, totals)
    wanted = "worker-" if pid is None else f"worker-{pid}-"
    gone = [f for f in _worker_files(directory) if f.name.startswith(wanted)]
    for file in gone:
        if file.name not in absorbed:
            _add_file(totals, file, gauges=False)
    present = {file.name for file in _worker_files(directory)}
    names = sorted((absorbed & present) | {file.name for file in gone})
    with contextlib.suppress(OSError):
        _replace(directory / RETIRED, json.dumps({"absorbed": names, "counts": totals.plain()}))
        for file in gone:
            file.unlink(missing_ok=True)


def _worker_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("worker-*.json"))


def _read(file: Path) -> Any:
    with file.open("rb") as stream:
        return json.loads(stream.read(MAX_FILE_BYTES))


def _read_retired(directory: Path, totals: Counts) -> frozenset[str]:
    try:
        found = _read(directory / RETIRED)
        names = frozenset(str(name) for name in found["absorbed"])
        totals.add_plain(found["counts"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()  # none yet, or cut short by a crash: counting starts anew
    return names


def _add_file(totals: Counts, file: Path, *, gauges: bool = True) -> None:
    with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
        totals.add_plain(_read(file), gauges=gauges)


def open_directory(directory: Path) -> None:
    """Make the directory, and take in what workers of an earlier run have left."""
    directory.mkdir(parents=True, exist_ok=True)
    absorb(directory)


def worker_totals(directory: Path) -> dict[str, float]:
    """Verdicts of each living worker, by process id."""
    found: dict[str, float] = {}
    for file in _worker_files(directory):
        counts = Counts()
        _add_file(counts, file)
        pid = file.name.split("-")[1]
        if Path(f"/proc/{pid}").exists() or pid == str(os.getpid()):
            found[pid] = sum(v for k, v in counts.numbers.items() if k[0] == "filterd_verdicts")
    return found


# -- exposition ----------------------------------------------------------------------------------


def exposition(
    directory: Path, more: Sequence[tuple[Metric, tuple[str, ...], float]] = ()
) -> bytes:
    """The text that Prometheus scrapes; `more` are numbers that only the asker knows."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    totals = read_totals(directory)
    workers = Metric(
        "filterd_worker_verdicts", "gauge", "Verdicts by living worker.", ("worker",)
    )
    extra = [*more, *((workers, (pid,), n) for pid, n in worker_totals(directory).items())]
    registry.register(_Collector(totals, extra))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)  # the registry keeps collectors by identity
class _Collector:
    totals: Counts
    more: Sequence[tuple[Metric, tuple[str, ...], float]]

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import HistogramMetricFamily

        plain: dict[str, Any] = {}
        for metric in METRICS.values():
            if metric.kind != "histogram":
                plain[metric.name] = _family(metric)
                continue
            family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            for series, values in sorted(self.totals.histograms.items()):
                if series[0] == metric.name and len(series) == len(metric.labels) + 1:
                    family.add_metric(
                        series[1:], _cumulative(metric.buckets, values), values[-1]
                    )
            yield family
        for series, value in sorted(self.totals.numbers.items()):
            if len(series) == len(METRICS[series[0]].labels) + 1:
                plain[series[0]].add_metric(series[1:], value)
        for metric, labels, value in self.more:
            plain.setdefault(metric.name, _family(metric)).add_metric(labels, value)
        yield from plain.values()


def _family(metric: Metric) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)


def _cumulative(buckets: Sequence[float], values: Sequence[float]) -> list[tuple[str, float]]:
    below = 0.0
    found = []
    for bound, count in zip((*map(str, buckets), "+Inf"), values[:-1], strict=True):
        below += count
        found.append((bound, below))
    return found

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from filterd.core.evidence import AuthResult
from filterd.core.verdict import Action, ScoredHit, Span, Verdict
from filterd.observe.metrics import (
    METRICS,
    RETIRED,
    Meter,
    Metric,
    Sample,
    absorb,
    exposition,
    open_directory,
    read_totals,
    worker_totals,
)
from filterd.observe.settings import MetricsSettings
from tests.support.builders import a_transaction
from tests.support.speed import is_within

TX = a_transaction()
VERDICT = Verdict(
    Action.REJECT,
    16.0,
    "X",
    hits=(ScoredHit("A", 9.0), ScoredHit("B", 7.0)),
    auth_results=(AuthResult("spf", "fail"),),
    failures=("dnsbl: timeout",),
    marks=("oversize",),
    spans=(Span("spf", 3.0, "eom"), Span("dnsbl", 40.0, "eom")),
    milliseconds=43.0,
    delayed=2.5,
)


def a_meter(directory: Path, pid: int = 0, started: float = 1.0) -> Meter:
    return Meter(directory, MetricsSettings(), pid=pid or os.getpid(), started=started)


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    return {
        (s.name, *s.labels.values()): s.value
        for family in text_string_to_metric_families(text.decode())
        for s in family.samples
    }


def test_one_verdict_counts_by_action_check_symbol_and_result(tmp_path: Path) -> None:
    meter = a_meter(tmp_path)
    meter(TX, VERDICT)
    meter.flush()
    found = samples(exposition(tmp_path))
    assert found["filterd_verdicts_total", "reject", "default", "eom"] == 1
    assert found["filterd_hits_total", "A"] == 1
    assert found["filterd_auth_total", "spf", "fail"] == 1
    assert found["filterd_check_failures_total", "dnsbl"] == 1
    assert found["filterd_marks_total", "oversize"] == 1
    assert found["filterd_delay_seconds_total",] == 2.5
    assert found["filterd_check_seconds_bucket", "dnsbl", "0.02"] == 0
    assert found["filterd_check_seconds_bucket", "dnsbl", "0.05"] == 1
    assert found["filterd_check_seconds_count", "dnsbl"] == 1
    assert found["filterd_check_seconds_sum", "dnsbl"] == pytest.approx(0.04)
    assert found["filterd_score_bucket", "15.0"] == 0
    assert found["filterd_score_bucket", "20.0"] == 1
    assert found["filterd_worker_verdicts", str(os.getpid())] == 1


def test_workers_add_up_and_the_dead_are_not_forgotten(tmp_path: Path) -> None:
    for pid in (4_000_001, 4_000_002, 4_000_003):
        meter = a_meter(tmp_path, pid)
        for _ in range(pid % 10):
            meter(TX, VERDICT)
        meter.flush()
    key = ("filterd_hits", "A")
    assert read_totals(tmp_path).numbers[key] == 6
    absorb(tmp_path, 4_000_002)
    assert read_totals(tmp_path).numbers[key] == 6
    absorb(tmp_path, 4_000_002)
    assert read_totals(tmp_path).numbers[key] == 6
    assert len(list(tmp_path.glob("worker-*.json"))) == 2
    open_directory(tmp_path)  # the next start of the service
    assert not list(tmp_path.glob("worker-*.json"))
    assert read_totals(tmp_path).numbers[key] == 6
    assert worker_totals(tmp_path) == {}


def test_a_file_named_as_absorbed_is_not_counted_twice(tmp_path: Path) -> None:
    meter = a_meter(tmp_path, 4_000_001)
    meter(TX, VERDICT)
    meter.flush()
    [file] = tmp_path.glob("worker-*.json")
    kept = file.read_bytes()
    absorb(tmp_path, 4_000_001)
    file.write_bytes(kept)  # as if the unlink were still to come
    assert read_totals(tmp_path).numbers["filterd_hits", "A"] == 1
    absorb(tmp_path)
    assert read_totals(tmp_path).numbers["filterd_hits", "A"] == 1


def test_gauges_end_with_their_worker(tmp_path: Path) -> None:
    def source() -> list[Sample]:
        return [("filterd_held", (), 3.0), ("filterd_zone_open", ("bl.example",), 1.0)]

    for pid in (4_000_001, 4_000_002):
        meter = a_meter(tmp_path, pid)
        meter.watch(source)
        meter.flush()
    totals = read_totals(tmp_path).numbers
    assert totals["filterd_held",] == 6  # sessions add up
    assert totals["filterd_zone_open", "bl.example"] == 1  # one list is broken, not two
    absorb(tmp_path)
    assert ("filterd_held",) not in read_totals(tmp_path).numbers


def test_labels_that_others_choose_are_bounded(tmp_path: Path) -> None:
    meter = Meter(tmp_path, MetricsSettings(max_symbols=10), pid=1, started=1)
    hits = tuple(ScoredHit(f"S{n}", 1.0) for n in range(50))
    meter(TX, dataclasses.replace(VERDICT, hits=hits))
    meter.flush()
    found = {k: v for k, v in read_totals(tmp_path).numbers.items() if k[0] == "filterd_hits"}
    assert len(found) == 11
    assert found["filterd_hits", "other"] == 40


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[[[[],1]],[]]", b"3", b'{"absorbed": 3}',
                                     b'[[[["filterd_hits","A"],"x"]],[]]', b"\xff"])  # fmt: skip
def test_a_broken_file_loses_its_numbers_only(tmp_path: Path, content: bytes) -> None:
    meter = a_meter(tmp_path)
    meter(TX, VERDICT)
    meter.flush()
    (tmp_path / "worker-9-1.json").write_bytes(content)
    (tmp_path / RETIRED).write_bytes(content)
    assert read_totals(tmp_path).numbers["filterd_hits", "A"] == 1
    exposition(tmp_path)


def test_numbers_of_another_version_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "worker-9-1.json").write_text(
        json.dumps([[[["filterd_gone", "x"], 1]], [[["filterd_score"], [1, 2]]]])
    )
    assert not read_totals(tmp_path).numbers
    exposition(tmp_path)


def test_threads_lose_no_count(tmp_path: Path) -> None:
    meter = a_meter(tmp_path)

    def count() -> None:
        for _ in range(500):
            meter(TX, VERDICT)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meter.flush()
    assert read_totals(tmp_path).numbers["filterd_hits", "A"] == 2000


def test_what_is_counted_is_written_without_being_asked(tmp_path: Path) -> None:
    meter = a_meter(tmp_path)
    meter.start()
    meter(TX, VERDICT)
    deadline = time.monotonic() + 10
    while (
        "filterd_hits" not in str(read_totals(tmp_path).numbers) and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert read_totals(tmp_path).numbers["filterd_hits", "A"] == 1
    meter(TX, VERDICT)
    meter.close()
    assert read_totals(tmp_path).numbers["filterd_hits", "A"] == 2


def test_a_full_disk_is_no_error(tmp_path: Path) -> None:
    meter = a_meter(tmp_path / "gone")
    meter(TX, VERDICT)
    meter.flush()


def test_numbers_of_the_asker_are_added(tmp_path: Path) -> None:
    up = Metric("filterd_workers", "gauge", "Workers.", ("state",))
    found = samples(exposition(tmp_path, [(up, ("serving",), 2.0)]))
    assert found["filterd_workers", "serving"] == 2


def test_every_metric_is_declared_as_prometheus_wants_it(tmp_path: Path) -> None:
    for name, metric in METRICS.items():
        assert name.startswith("filterd_")
        assert metric.help.endswith(".")
        assert not name.endswith("_total")
        assert bool(metric.buckets) == (metric.kind == "histogram")
    if promtool := next(iter(Path("/usr/bin").glob("promtool")), None):
        subprocess.run([promtool, "check", "metrics"], input=exposition(tmp_path), check=True)


@pytest.mark.benchmark
def test_a_message_costs_little(tmp_path: Path) -> None:
    meter = a_meter(tmp_path)
    verdict = dataclasses.replace(
        VERDICT,
        hits=tuple(ScoredHit(f"S{n}", 0.5) for n in range(25)),
        spans=tuple(Span(f"check{n}", 0.2, "eom") for n in range(25)),
    )
    best = 1e9
    for _ in range(5):
        begin = time.thread_time()
        for _ in range(500):
            meter(TX, verdict)
        best = min(best, (time.thread_time() - begin) / 500)
    assert is_within(best, 60e-6)  # seconds of CPU

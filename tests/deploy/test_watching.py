"""The Grafana dashboard and the alert rules: every expression is PromQL over metrics that we have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.dashboard import ROWS, WIDTH, dashboard
from filterd.observe.metrics import METRICS
from tests.support.shared import ROOT

RULES = ROOT / "deploy" / "prometheus" / "filterd.rules.yml"
OF_THE_ASKER = {  # filterd.frontends.http.api
    "filterd_build", "filterd_workers", "filterd_started_seconds", "filterd_generation",
    "filterd_reload_failed", "filterd_store_up", "filterd_worker_verdicts",
}  # fmt: skip

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (package prometheus)"
)


def expressions() -> list[str]:
    panels = json.loads(dashboard())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def exposed() -> set[str]:
    found = set(OF_THE_ASKER)
    for metric in METRICS.values():
        match metric.kind:
            case "counter":
                found.add(f"{metric.name}_total")
            case "histogram":
                found |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
            case "gauge":
                found.add(metric.name)
    return found


def test_every_metric_that_is_watched_exists() -> None:
    text = "\n".join(expressions()) + re.sub(r"#.*", "", RULES.read_text())
    names = set(re.findall(r"\bfilterd_[a-z_]+\b", text))
    assert names - exposed() == set()


def test_the_dashboard_fits_its_grid() -> None:
    for _, row in ROWS:
        assert sum(panel[3].get("width", 8) for panel in row) <= WIDTH
    value = json.loads(dashboard())
    assert len({panel["id"] for panel in value["panels"]}) == len(value["panels"])
    assert {variable["name"] for variable in value["templating"]["list"]} == {
        "source",
        "instance",
    }


@needs_promtool
def test_every_expression_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    lines = ["groups:", "- name: panels", "  rules:"]
    for number, expression in enumerate(expressions()):
        plain = expression.replace("$__rate_interval", "5m").replace("$instance", ".*")
        lines += [f"  - record: panel:{number}", f"    expr: {json.dumps(plain)}"]
    path = tmp_path / "panels.yml"
    path.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["promtool", "check", "rules", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


TEST = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'filterd_build{{instance="a", version="1"}}', values: '1x120'}}
      - {{series: 'up{{instance="a", job="filterd"}}', values: '1x120'}}
      - {{series: 'filterd_workers{{instance="a", worker="milter", state="serving"}}', values: '2x60 0x60'}}
      - {{series: 'filterd_store_up{{instance="a", store="state", kind="redis"}}', values: '1x60 0x60'}}
      - {{series: 'filterd_zone_open{{instance="a", zone="bl.example"}}', values: '0x20 1x100'}}
      - {{series: 'filterd_verdicts_total{{instance="a", action="accept"}}', values: '0+60x120'}}
      - {{series: 'filterd_check_failures_total{{instance="a", check="dnsbl"}}', values: '0+1x60 60+30x60'}}
      - {{series: 'filterd_scan_seconds_bucket{{instance="a", stage="eom", le="0.1"}}', values: '0+60x60 3600x60'}}
      - {{series: 'filterd_scan_seconds_bucket{{instance="a", stage="eom", le="5.0"}}', values: '0+60x120'}}
      - {{series: 'filterd_scan_seconds_bucket{{instance="a", stage="eom", le="+Inf"}}', values: '0+60x120'}}
    alert_rule_test:
      - {{eval_time: 50m, alertname: FilterdNoWorkers, exp_alerts: []}}
      - {{eval_time: 50m, alertname: FilterdStoreDown, exp_alerts: []}}
      - {{eval_time: 50m, alertname: FilterdChecksFail, exp_alerts: []}}
      - {{eval_time: 50m, alertname: FilterdSlow, exp_alerts: []}}
      - {{eval_time: 50m, alertname: FilterdDown, exp_alerts: []}}
      - eval_time: 65m
        alertname: FilterdNoWorkers
        exp_alerts:
          - exp_labels: {{severity: critical, instance: a}}
            exp_annotations: {{summary: "no filterd worker serves mail on a"}}
      - eval_time: 65m
        alertname: FilterdStoreDown
        exp_alerts:
          - exp_labels: {{severity: warning, instance: a, store: state, kind: redis}}
            exp_annotations:
              summary: "the redis store state is down (a)"
              description: "Mail goes on without greylisting, rates and history."
      - eval_time: 65m
        alertname: FilterdListNotBelieved
        exp_alerts:
          - exp_labels: {{severity: warning, zone: bl.example}}
            exp_annotations:
              summary: "the DNS list bl.example is not believed"
              description: "It refuses this resolver, answers everything, or nothing. filterd doctor says more."
      - eval_time: 100m
        alertname: FilterdChecksFail
        exp_alerts:
          - exp_labels: {{severity: warning, instance: a, check: dnsbl}}
            exp_annotations:
              summary: "the check dnsbl fails for more than 5 % of the mail (a)"
      - eval_time: 100m
        alertname: FilterdSlow
        exp_alerts:
          - exp_labels: {{severity: warning, instance: a}}
            exp_annotations: {{summary: "a scan in twenty takes more than 2 s (a)"}}
"""


@needs_promtool
def test_the_alerts_are_raised_when_they_should_be_and_not_before(tmp_path: Path) -> None:
    check = subprocess.run(
        ["promtool", "check", "rules", str(RULES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr
    path = tmp_path / "test.yml"
    path.write_text(TEST.format(rules=RULES))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""dashboard - the Grafana dashboard, as rows of panels; `python -m deploy.manuals` writes it.

Usage in Grafana: Dashboards, Import, deploy/grafana/filterd.json, then choose the Prometheus data source.
"""

from __future__ import annotations

import json
from typing import Any

WIDTH = 24  # Grafana's columns
HEIGHT = 8
SOURCE = {"type": "prometheus", "uid": "${source}"}
COLOURS = {
    "accept": "#2e7d4f", "tag": "#b7791f", "greylist": "#0e7490", "tempfail": "#64748b",
    "quarantine": "#8b3fa8", "reject": "#c0392b", "discard": "#7f1d1d",
}  # fmt: skip

# Title, unit, pairs of legend and expression, options.
Panel = tuple[str, str, list[tuple[str, str]], dict[str, Any]]
_SELECT = '{instance=~"$instance"}'


def rate(metric: str, by: str = "", select: str = "") -> str:
    """The sum of a counter's rate, by labels."""
    labels = ", ".join(filter(None, ['instance=~"$instance"', select]))
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{labels}}}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str = "", select: str = "") -> str:
    """A quantile of a histogram."""
    labels = ", ".join(filter(None, ["le", by]))
    return f"histogram_quantile({share}, {rate(metric + '_bucket', labels, select)})"


_ALL = rate("filterd_verdicts_total")
_REFUSED = rate("filterd_verdicts_total", select='action=~"reject|discard"')
_DEFERRED = rate("filterd_verdicts_total", select='action=~"greylist|tempfail"')

ROWS: list[tuple[str, list[Panel]]] = [
    (
        "Mail",
        [
            ("Verdicts", "cps", [("{{action}}", rate("filterd_verdicts_total", "action"))], {"stack": True, "width": 12}),
            ("Refused or deferred", "percentunit", [
                ("refused", f"{_REFUSED} / {_ALL}"),
                ("deferred", f"{_DEFERRED} / {_ALL}"),
            ], {"width": 6}),
            ("By stage", "cps", [("{{stage}}", rate("filterd_verdicts_total", "stage"))], {"width": 6}),
        ],
    ),
    (
        "Time",
        [
            ("Scan, at end of message", "s", [
                ("median", quantile(0.5, "filterd_scan_seconds", select='stage="eom"')),
                ("95 %", quantile(0.95, "filterd_scan_seconds", select='stage="eom"')),
                ("99 %", quantile(0.99, "filterd_scan_seconds", select='stage="eom"')),
            ], {"width": 8}),
            ("Checks, 95 %", "s", [("{{check}}", f"topk(10, {quantile(0.95, 'filterd_check_seconds', 'check')})")], {"width": 8}),
            ("Time by check", "s", [("{{check}}", f"topk(10, {rate('filterd_check_seconds_sum', 'check')})")], {"width": 8, "stack": True}),
        ],
    ),
    (
        "Evidence",
        [
            ("Top symbols", "cps", [("{{symbol}}", f"topk(15, {rate('filterd_hits_total', 'symbol')})")], {"width": 8}),
            ("Authentication", "cps", [("{{method}} {{result}}", rate("filterd_auth_total", "method, result"))], {"width": 8}),
            ("Scores", "short", [("{{le}}", f"sum by (le) (increase(filterd_score_bucket{_SELECT}[$__rate_interval]))")], {"width": 8, "kind": "heatmap"}),
        ],
    ),
    (
        "DNS",
        [
            ("Listed, by zone", "cps", [("{{zone}}", rate("filterd_zone_answers_total", "zone", 'result="listed"'))], {"width": 8}),
            ("Lists not believed", "short", [("{{zone}}", f"max by (zone) (filterd_zone_open{_SELECT})")], {"width": 8}),
            ("Answers of the resolver", "cps", [("{{status}}", rate("filterd_dns_answers_total", "status"))], {"width": 8}),
        ],
    ),
    (
        "Health",
        [
            ("Checks that failed", "cps", [("{{check}}", rate("filterd_check_failures_total", "check"))], {"width": 8}),
            ("Stores", "short", [("{{store}} ({{kind}})", f"filterd_store_up{_SELECT}")], {"width": 4}),
            ("Workers", "short", [("{{worker}} {{state}}", f"filterd_workers{_SELECT}")], {"width": 4}),
            ("Held on purpose", "s", [("seconds a second", rate("filterd_delay_seconds_total"))], {"width": 4}),
            ("Limits reached", "cps", [("{{mark}}", rate("filterd_marks_total", "mark"))], {"width": 4}),
        ],
    ),
]  # fmt: skip


def dashboard() -> str:
    """deploy/grafana/filterd.json."""
    panels: list[dict[str, Any]] = []
    number, y = 1, 0
    for title, row in ROWS:
        panels.append({"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}})  # fmt: skip
        number, y, x = number + 1, y + 1, 0
        for panel in row:
            width = panel[3].get("width", 8)
            panels.append(_panel(number, panel, {"h": HEIGHT, "w": width, "x": x, "y": y}))
            number, x = number + 1, x + width
        y += HEIGHT
    value = {
        "title": "filterd", "uid": "filterd", "tags": ["mail", "filterd"], "schemaVersion": 39, "version": 1,
        "editable": True, "refresh": "1m", "time": {"from": "now-24h", "to": "now"}, "timezone": "",
        "templating": {"list": [
            {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            {"name": "instance", "label": "Machine", "type": "query", "datasource": SOURCE, "multi": True,
             "includeAll": True, "allValue": ".*", "refresh": 2,
             "query": {"query": "label_values(filterd_build, instance)", "refId": "instances"}},
        ]},
        "panels": panels,
    }  # fmt: skip
    return json.dumps(value, indent=1) + "\n"


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    title, unit, series, options = panel
    kind = options.get("kind", "timeseries")
    found: dict[str, Any] = {
        "id": number, "type": kind, "title": title, "gridPos": place, "datasource": SOURCE,
        "targets": [
            {"refId": chr(65 + i), "datasource": SOURCE, "expr": expression, "legendFormat": legend,
             **({"format": "heatmap"} if kind == "heatmap" else {})}
            for i, (legend, expression) in enumerate(series)
        ],
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
    }  # fmt: skip
    if options.get("stack"):
        custom = {"stacking": {"mode": "normal"}, "fillOpacity": 60, "lineWidth": 0}
        found["fieldConfig"]["defaults"]["custom"] = custom
    if title == "Verdicts":
        found["fieldConfig"]["overrides"] = [
            {"matcher": {"id": "byName", "options": action},
             "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]}
            for action, colour in COLOURS.items()
        ]  # fmt: skip
    return found

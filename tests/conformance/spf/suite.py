"""suite - the openspf.org test suites (YAML) as scenarios with zone text.

Owns:   reading of scenarios; SPF records also published as TXT, as the suites ask of their drivers.
Not here: what is expected to differ (test_suite.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.support.shared import shared_path


@dataclass(frozen=True)
class Case:
    """One test of a suite."""

    id: str
    client: str
    helo: str
    mail_from: str
    results: tuple[str, ...]
    explanation: str | None
    receiver: str
    zone: str
    default_explanation: str


def cases(name: str) -> Iterator[Case]:
    text = shared_path(f"suites/spf/{name}").read_text("utf-8")
    for scenario in yaml.safe_load_all(text):
        zone = zone_text(scenario.get("zonedata") or {})
        for test_id, test in (scenario.get("tests") or {}).items():
            results = test["result"]
            yield Case(
                id=test_id,
                client=test["host"],
                helo=test["helo"],
                mail_from=test["mailfrom"],
                results=tuple(results if isinstance(results, list) else [results]),
                explanation=test.get("explanation"),
                receiver=test.get("receiver", ""),
                zone=zone,
                default_explanation="DEFAULT",
            )


def zone_text(zonedata: dict[str, list[Any]]) -> str:
    """The scenario's data as a master file; what it marks TIMEOUT is a pseudo-record."""
    lines: list[str] = []
    for name, records in zonedata.items():
        owner = name.replace("\\", "\\\\").replace(" ", "\\032") + "."
        has_txt = any("TXT" in record for record in records if isinstance(record, dict))
        for record in records:
            if record == "TIMEOUT":
                lines.append(f"{owner} TIMEOUT")
                continue
            ((kind, data),) = record.items()
            if data == "NONE":
                continue
            if kind == "SPF":
                lines.append(f"{owner} IN SPF {_data(kind, data)}")
                if has_txt:
                    continue
                kind = "TXT"
            lines.append(f"{owner} IN {kind} {_data(kind, data)}")
    return "\n".join(lines) + "\n"


def _data(kind: str, data: Any) -> str:
    match kind:
        case "TXT" | "SPF":
            strings = data if isinstance(data, list) else [data]
            return " ".join(f'"{_quoted(text)}"' for text in strings) or '""'
        case "MX":
            preference, exchange = data
            return f"{preference} {_absolute(exchange)}"
        case "CNAME" | "PTR" | "NS":
            return _absolute(data)
        case _:
            return str(data)


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _quoted(text: str) -> str:
    """Characters of the YAML stand for bytes, as in the suites' own drivers."""
    return "".join(f"\\{byte:03d}" for byte in text.encode("latin-1", "replace"))

"""The golden cases once more, over HTTP: the same verdict, byte for byte, as the scanner and the milter give."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from filterd.config.load import load
from filterd.core.clock import SystemClock
from filterd.frontends.http.services import HttpServices
from tests.golden.test_golden import CASES, Case, plain
from tests.support.http import serving


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_golden_case_gives_the_same_bytes_over_http(path: Path, tmp_path: Path) -> None:
    case = Case(path)
    query = [(name, case.env[key]) for name, key in (
        ("client", "client"), ("client_name", "client_name"), ("helo", "helo"), ("from", "from"),
        ("auth_user", "auth"),
    ) if key in case.env]  # fmt: skip
    query += [("to", recipient) for recipient in case.to]
    query.append(("mta_name", "mx.example.net"))
    settings = load(
        None, {"state_dir": str(tmp_path), "http.enabled": "true", **case.settings}
    ).settings
    with case.scanner(tmp_path) as scanner:
        services = HttpServices(settings=settings, scanner=scanner, clock=SystemClock())
        with serving(dataclasses.replace(services)) as client:
            answer = client("POST", f"/v1/scan?{urlencode(query)}", case.raw)
    assert answer.status == 200
    # what tests/golden holds the scanner, the command line and the milter against
    expected = path.with_suffix(".verdict").read_text()
    got = plain(answer.json)
    assert json.dumps(got, indent=1, sort_keys=True, ensure_ascii=False) + "\n" == expected

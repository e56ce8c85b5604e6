from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.frontends.http.test_api import World
from tests.support.http import serving


def test_a_bug_is_logged_with_its_place_and_answered_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), serving(World(tmp_path).services()) as client:
        answer = client("POST", "/v1/scan", b"A: b\n\nboom")
    assert answer.status == 500
    assert answer.json["error"]["message"] == "the filter failed; its log says why"
    assert any("POST /v1/scan failed" in record.getMessage() for record in caplog.records)


def test_the_page_and_the_interface_are_one_application(tmp_path: Path) -> None:
    with serving(World(tmp_path).services()) as client:
        assert client("GET", "/").headers["content-type"].startswith("text/html")
        assert client("GET", "/v1/status").headers["content-type"] == "application/json"

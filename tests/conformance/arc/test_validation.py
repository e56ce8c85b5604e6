"""The public ARC suite (RFC 8617 chain validation), every case of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from filterd.auth import arc
from filterd.mail.message import Message
from tests.support.answers import asking
from tests.support.shared import shared_folder, shared_path

SUITE = "suites/arc/arc-draft-validation-tests.yml"
CASES = 171


def cases() -> list[Any]:
    path = shared_folder() / SUITE
    if not path.exists():
        return [pytest.param(None, None, id="absent")]
    found = []
    for number, group in enumerate(yaml.safe_load_all(path.read_text())):
        for name, case in (group or {}).get("tests", {}).items():
            found.append(pytest.param(case, group.get("txt-records"), id=f"{number}-{name}"))
    return found


@pytest.mark.parametrize(("case", "records"), cases())
def test_chain_validation(case: dict[str, Any], records: dict[str, str] | None) -> None:
    shared_path(SUITE)
    message = Message.from_bytes(case["message"].encode().replace(b"\n", b"\r\n"))
    chain = arc.evaluate(message, asking(records or {}))
    assert chain.result == (case["cv"].strip().lower() or "fail"), chain.reason
    assert (chain.reason != "") is (chain.result == "fail")


def test_the_suite_is_whole() -> None:
    shared_path(SUITE)
    assert len(cases()) == CASES

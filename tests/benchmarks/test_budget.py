"""No part of a scan costs several times what it did; slow and busy machines are measured by a yardstick."""

from __future__ import annotations

import tomllib

import pytest

from filterd.checks.catalogue import ALL
from tests.benchmarks.budget import BUDGET, costs

pytestmark = pytest.mark.benchmark

UNMEASURED = {  # they ask a resolver that here answers at once, or are switched off
    "connection",
    "dnsbl",
    "greylist",
    "iprev",
}


def test_every_part_keeps_within_its_budget() -> None:
    budget = tomllib.loads(BUDGET.read_text())
    parts: dict[str, float] = budget["parts"]
    found = costs()
    assert set(parts) <= set(found)
    assert {check.name for check in ALL} - UNMEASURED <= set(parts)
    over = {
        name: f"{found[name]:.0f} us, budget {micros} us"
        for name, micros in parts.items()
        if found[name] > max(micros * budget["factor"], micros + budget["slack"])
    }
    assert over == {}

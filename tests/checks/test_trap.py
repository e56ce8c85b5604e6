"""Who writes to a trap is listed for a day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filterd.checks.trap import CHECK, Settings
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult, Hit
from filterd.core.stage import Stage
from filterd.store.memory import MemoryState
from tests.support.builders import a_transaction, no_dns


class Desk:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "traps"
        self.file.write_text("# old addresses\ntrap@b.example\nold.example\n")
        self.clock = FixedClock()
        self.services = Services(ask=no_dns, clock=self.clock, traps=MemoryState())

    def rcpt(self, rcpt: str, *seen: Hit, **facts: Any) -> list[str]:
        tx = a_transaction(stage=Stage.RCPT, rcpt=[rcpt], evidence=seen, **facts)
        tx.envelope = type(tx.envelope)(tx.envelope.reverse_path, ())
        settings = Settings(files=(str(self.file),))
        return [
            e.symbol
            for e in CHECK.run(tx, settings, self.services)
            if not isinstance(e, AuthResult) and isinstance(e, Hit)
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("trap", ["trap@b.example", "TRAP@B.example", "any@old.example"])
def test_a_trap_lists_its_client_for_a_day(desk: Desk, trap: str) -> None:
    assert desk.rcpt("me@b.example") == []
    assert desk.rcpt(trap) == ["TRAP_RECIPIENT"]
    assert desk.rcpt("me@b.example") == ["TRAP_CLIENT"]
    assert desk.rcpt("me@b.example", client="192.0.2.2") == []
    desk.clock.advance(86400)
    assert desk.rcpt("me@b.example") == []
    assert desk.rcpt(trap) == ["TRAP_RECIPIENT"]
    desk.clock.advance(-3600)  # what a wrong clock noted lists nobody for longer
    assert desk.rcpt("me@b.example") == []


@pytest.mark.parametrize(
    ("seen", "facts"),
    [
        pytest.param([], {"mail_from": ""}, id="bounce"),
        pytest.param([Hit("DNSWL_HIGH")], {}, id="vouched-for"),
        pytest.param([Hit("ALLOW_CLIENT")], {}, id="allow-listed"),
    ],
)
def test_what_springs_no_trap(desk: Desk, seen: list[Hit], facts: dict[str, Any]) -> None:
    assert desk.rcpt("trap@b.example", *seen, **facts) == ["TRAP_RECIPIENT"]
    assert desk.rcpt("me@b.example") == []


def test_our_own_people_may_test_a_trap(desk: Desk) -> None:
    assert desk.rcpt("trap@b.example", auth_user="ann") == []
    assert desk.rcpt("me@b.example") == []


def test_a_whole_ipv6_network_is_listed(desk: Desk) -> None:
    desk.rcpt("trap@b.example", client="2001:db8::1")
    assert desk.rcpt("me@b.example", client="2001:db8::ffff") == ["TRAP_CLIENT"]

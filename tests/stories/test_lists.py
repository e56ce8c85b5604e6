"""A DNS list that refuses us is paused in every worker at once, said once, and shown with its reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.nameserver import Nameserver
from deploy.demo.postfix import wait_until
from deploy.demo.service import Service

pytestmark = [pytest.mark.story, pytest.mark.timeout(60)]

ZONE = "*.zen.spamhaus.org A 127.255.255.254\n"  # as public resolvers get it


def test_a_list_that_refuses_is_paused_by_all_and_said_once() -> None:
    with (
        Nameserver(ZONE) as names,
        Service(nameserver=f"127.0.0.1:{names.port}") as service,
    ):
        said = "dns list zen.spamhaus.org paused for 15 minutes: it refuses to answer us"
        wait_until(lambda: said in service.log(), 20, "the pause")
        wait_until(lambda: _believed_by(service) == 0, 20, "all workers to know")
        done = subprocess.run(
            [sys.executable, "-m", "filterd", "status", "--json"],
            cwd=Path(__file__).parents[2],
            env={**service.environment(), "FILTERD_CONFIG": str(service.config_file)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert "refuses to answer us" in json.loads(done.stdout)["pauses"]["zen.spamhaus.org"]
        assert service.log().count("zen.spamhaus.org paused") == 1


def _believed_by(service: Service) -> int:
    """How many workers believe the list, or have not said yet."""
    files = list((service.state / "run" / "metrics").glob("worker-*.json"))
    paused = [
        f for f in files if '["filterd_zone_open", "zen.spamhaus.org"], 1.0]' in f.read_text()
    ]
    return 2 - len(paused)

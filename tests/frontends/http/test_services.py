from __future__ import annotations

from pathlib import Path

from tests.frontends.http.test_api import World


def test_what_the_master_writes_is_looked_for_in_its_run_directory(tmp_path: Path) -> None:
    services = World(tmp_path).services()
    assert services.status_file == tmp_path / "run" / "status.json"
    assert services.metrics_dir == tmp_path / "run" / "metrics"

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from filterd.config.load import load
from filterd.frontends.cli.main import run


class ServingApp:
    """Serves by reading the settings twice, as a start and a reload do."""

    def __init__(self) -> None:
        self.tags: list[float] = []

    def load_settings(self, path: Path | None, overrides: dict[str, str]) -> Any:
        return load(path, overrides)

    def serve(self, read: Callable[[], Any]) -> int:
        self.tags += [read().settings.thresholds.tag]
        Path(self.file).write_text("[thresholds]\ntag = 4\n")
        self.tags += [read().settings.thresholds.tag]
        return 7

    file = ""


def test_a_reload_reads_the_files_anew_and_the_status_is_the_services(tmp_path: Path) -> None:
    main = tmp_path / "filterd.toml"
    main.write_text("[thresholds]\ntag = 5\n")
    app: Any = ServingApp()
    app.file = str(main)
    assert run(lambda: app, ["--config", str(main), "serve"]) == 7
    assert app.tags == [5.0, 4.0]

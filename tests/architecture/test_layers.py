"""The layers of the house: what may import what (contracts in pyproject.toml)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_layers_point_downwards_and_every_door_has_one_user() -> None:
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 0 kept" not in done.stdout
    assert "0 broken" in done.stdout


def test_scanning_imports_no_heavy_library() -> None:
    """scikit-learn costs 110 MB, matplotlib and uvicorn are for others (measured)."""
    code = (
        "import sys, filterd.app, filterd.scan.scanner, filterd.checks.catalogue;"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}"
        " & {'sklearn', 'scipy', 'matplotlib', 'uvicorn', 'starlette', 'rich', 'email.parser'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.manuals import documents, roff

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.name)
def test_the_committed_file_is_what_the_code_says(path: Path) -> None:
    if path.read_text("utf-8") != documents()[path]:
        pytest.fail(f"{path.relative_to(ROOT)} is not current: run python -m deploy.manuals")


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize(
    "path", [p for p in documents() if p.suffix == ".md"], ids=lambda p: p.name
)
def test_the_man_pages_are_clean_roff(path: Path) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-b", "-rHY=0"],
        input=roff(documents()[path]), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    complaints = [
        x
        for x in done.stderr.splitlines()
        if "cannot adjust" not in x and "can't break" not in x
    ]
    assert complaints == []
    assert "N\bN" in done.stdout  # bold headings: it was read as a man page

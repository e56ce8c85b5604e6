from __future__ import annotations

from pathlib import Path

import pytest

from filterd.core.shipped import shipped


@pytest.mark.parametrize(
    ("name", "holds"), [("rules", "00-core.toml"), ("models", "ham-spam/manifest.toml")]
)
def test_in_a_checkout_the_files_lie_beside_the_package(name: str, holds: str) -> None:
    folder = shipped(name)
    assert folder == Path(__file__).resolve().parents[2] / name
    assert (folder / holds).is_file()

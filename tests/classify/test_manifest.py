"""A manifest is read with every doubt an error, and written the same for the same facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.classify.manifest import ArrayFile, Manifest, load, write
from filterd.core.errors import ConfigError

FACTS = Manifest(
    format=1,
    id="0123456789abcdef",
    created="2026-11-21T10:00:00+00:00",
    feature_version=3,
    bits=18,
    views=["text", "shape"],
    scales=[0.5, 1.25],
    weights=ArrayFile(file="weights.npy", sha256="a" * 64),
    messages_spam=3,
    trained_on=[{"source": 'say "hi" \\ there\n\x1b', "spam": 3, "ham": 0}],
    measured={"one_minus_auc_percent": 0.0021},
    notes={"a.b": "x"},
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path, FACTS)
    read = load(tmp_path)
    assert read.trained_on[0]["source"] == 'say "hi" \\ there  '
    assert read.model_copy(update={"trained_on": []}) == FACTS.model_copy(
        update={"trained_on": []}
    )


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path, FACTS)
    first = (tmp_path / "manifest.toml").read_bytes()
    write(tmp_path, FACTS)
    assert (tmp_path / "manifest.toml").read_bytes() == first


def test_every_problem_is_named(tmp_path: Path) -> None:
    write(tmp_path, FACTS)
    path = tmp_path / "manifest.toml"
    path.write_text(
        path.read_text().replace("bits = 18", 'bits = "x"').replace("format = 1", "format = 2")
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert {problem.where for problem in caught.value.problems} == {"bits", "format"}

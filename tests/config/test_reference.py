from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.config.load import load
from filterd.config.reference import (
    duration,
    entries,
    entry,
    leaves,
    manual,
    name,
    sample_toml,
    size,
    toml,
)
from filterd.config.settings import FilterSettings
from filterd.core.settings import parse_duration, parse_size


def test_the_sample_as_it_is_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "filterd.toml"
    path.write_text(sample_toml())
    assert load(path).settings == FilterSettings()


def test_the_sample_says_the_defaults(tmp_path: Path) -> None:
    uncommented = re.sub(r"^#(?=[a-z_\[])", "", sample_toml(), flags=re.MULTILINE)
    path = tmp_path / "filterd.toml"
    path.write_text("\n".join(x for x in uncommented.splitlines() if "(unset)" not in x))
    assert load(path).settings == FilterSettings()


def test_every_key_is_in_the_manual_with_its_description() -> None:
    text = manual()
    for item in entries():
        assert item.key in text
        assert item.description, item.key


def test_a_key_is_explained_as_it_stands_in_a_file() -> None:
    found = entry("profiles.partner.thresholds.tag")
    assert found is not None
    assert found.kind == "number"
    assert entry("checks.spam") is None


@given(st.integers(0, 10**9).map(lambda ms: ms / 1000))
def test_a_duration_reads_back(seconds: float) -> None:
    written = duration(seconds)
    assert parse_duration(written) == pytest.approx(seconds, rel=1e-5)


@given(st.integers(0, 1 << 50))
def test_a_size_reads_back(count: int) -> None:
    assert parse_size(size(count)) == count


values = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), values, max_size=3))
def test_toml_reads_back(table: dict[str, object]) -> None:
    text = "\n".join(f"{name(key)} = {toml(value)}" for key, value in table.items())
    assert tomllib.loads(text) == table


def test_a_secret_in_force_is_hidden_and_its_default_is_not() -> None:
    loaded = load(None, {"http.token": "hunter2"})
    shown = dict(leaves(loaded.settings))
    assert shown["http.token"] == "********"
    assert "hunter2" not in repr(loaded)
    default = entry("store.url")
    assert default is not None
    assert default.default.startswith('"redis://')

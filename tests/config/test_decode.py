from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from filterd.config.decode import all_keys, annotation_at, arms, decode, dotted, keys_at
from filterd.core.errors import ConfigError
from filterd.core.settings import Duration, Flag, Network, Settings, Size


class Zone(Settings):
    name: str
    weight: float = Field(default=1.0, gt=0, le=100)


class Inner(Settings):
    enabled: Flag = True
    wait: Duration = Field(default=5.0, le=60)
    size: Size = 10
    networks: tuple[Network, ...] = ()
    zones: tuple[Zone, ...] = ()
    path: Path | None = None
    count: int = Field(default=1, ge=1)
    kind: Literal["memory", "sqlite", "redis"] = "memory"
    points: dict[str, float] = Field(default_factory=dict)
    password: str = ""


class Tree(Settings):
    title: str = ""
    inner: Inner = Inner()
    named: dict[str, Zone] = Field(default_factory=dict)


def problems(table: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        decode(Tree, table, lambda _key: "a.toml")
    assert {p.file for p in caught.value.problems} == {"a.toml"}
    return {p.where: p.message for p in caught.value.problems}


def test_units_and_shapes_that_toml_writes() -> None:
    tree = decode(
        Tree,
        {
            "inner": {
                "wait": "1m",
                "size": "20M",
                "networks": ["192.0.2.0/24", "2001:db8::1"],
                "zones": [{"name": "bl.example.org", "weight": 2}],
                "path": "/srv",
                "points": {"A": 1},
            },
            "named": {"x": {"name": "y"}},
        },
    )
    assert tree.inner.wait == 60
    assert tree.inner.size == 20 << 20
    assert [str(n) for n in tree.inner.networks] == ["192.0.2.0/24", "2001:db8::1/128"]
    assert tree.inner.zones == (Zone(name="bl.example.org", weight=2.0),)
    assert tree.inner.path == Path("/srv")
    assert tree.named["x"].name == "y"


WRONG = {
    "text-for-number": ({"count": "3"}, "count", 'expected a whole number, got "3"'),
    "fraction-for-whole": ({"count": 3.0}, "count", "expected a whole number, got 3.0"),
    "flag-for-number": ({"count": True}, "count", "expected a whole number, got true"),
    "number-for-flag": ({"enabled": 1}, "enabled", "expected true or false, got 1"),
    "text-for-flag": ({"enabled": "yes"}, "enabled", 'expected true or false, got "yes"'),
    "number-for-text": (
        {"password": 3},
        "password",
        "expected a text in quotes, got something else",
    ),
    "text-for-list": ({"zones": "x"}, "zones", 'expected a list, got "x"'),
    "list-for-table": ({"points": []}, "points", "expected a table, got a list"),
    "below": ({"count": 0}, "count", "must be at least 1, got 0"),
    "above": ({"wait": "2m"}, "wait", "must be at most 60, got 120.0"),
    "no-unit": (
        {"wait": "90"},
        "wait",
        'expected a duration such as "90s" or "5m", got \'90\'',
    ),
    "host-bits": (
        {"networks": ["10.0.0.1/8"]},
        "networks[0]",
        '10.0.0.1/8 has host bits set, got "10.0.0.1/8"',
    ),
    "choice": (
        {"kind": "sqlit"},
        "kind",
        "expected 'memory', 'sqlite' or 'redis', got \"sqlit\"; did you mean \"sqlite\"?",
    ),
    "in-a-list": (
        {"zones": [{"name": "a"}, {"name": "b", "weight": "x"}]},
        "zones[1].weight",
        'expected a number, got "x"',
    ),
    "in-a-map": ({"points": {"A": "1"}}, "points.A", 'expected a number, got "1"'),
    "missing": ({"zones": [{}]}, "zones[0].name", "this key is required"),
    "near-miss": ({"enbled": True}, "enbled", 'unknown key; did you mean "inner.enabled"?'),
    "list-near-miss": (
        {"zones": [{"name": "a", "wieght": 1}]},
        "zones[0].wieght",
        'unknown key; did you mean "inner.zones[0].weight"?',
    ),
    "other-table": ({"title": "x"}, "title", 'unknown key; did you mean "title"?'),
    "half-a-character": (
        {"password": "\ud800"},
        "password",
        "expected a text of whole characters, got something else",
    ),
    "infinity": ({"wait": float("inf")}, "wait", "expected a finite number, got Infinity"),
}


@pytest.mark.parametrize(("inner", "key", "message"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_with_its_key(inner: dict[str, Any], key: str, message: str) -> None:
    assert problems({"inner": inner}) == {f"inner.{key}": message}


def test_all_mistakes_come_at_once() -> None:
    found = problems(
        {"titel": "x", "inner": {"count": "3", "kind": 3}, "named": {"a": {"nam": "x"}}}
    )
    assert set(found) == {"titel", "inner.count", "inner.kind", "named.a.name", "named.a.nam"}


def test_what_no_setting_takes_hides_no_other_mistake() -> None:
    found = problems(
        {"title": float("nan"), "inner": {"count": "3", "zones": [float("inf"), {"name": 1}]}}
    )
    assert found["title"] == "expected a finite number, got NaN"
    assert set(found) == {"title", "inner.count", "inner.zones[0]", "inner.zones[1].name"}


def test_a_key_like_no_other_lists_what_is_known() -> None:
    assert problems({"zzz": 1})["zzz"] == "unknown key; known here: inner, named, title"


def test_a_wrong_secret_is_not_shown() -> None:
    assert "hunter2" not in str(problems({"inner": {"password": ["hunter2"]}}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*all_keys(Tree), "x", "name"]) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.fuzz
@given(st.dictionaries(st.sampled_from(["title", "inner", "named", "x"]), json_values))
def test_any_table_gives_settings_or_a_config_error(table: dict[str, Any]) -> None:
    found: list[str] | None = None
    try:
        decode(Tree, table)
    except ConfigError as error:
        found = [p.message for p in error.problems]
    assert found is None or (found and all(found))


def test_keys_are_found_through_lists_and_maps() -> None:
    assert keys_at(Tree, ("inner", "zones", 3)) == ["name", "weight"]
    assert keys_at(Tree, ("named", "any")) == ["name", "weight"]
    assert keys_at(Tree, ("nowhere",)) == []
    assert annotation_at(Tree, ("inner", "count")) == [int]
    assert arms(Path | None) == [Path, type(None)]
    assert dotted(("a", "b", 2, "c")) == "a.b[2].c"

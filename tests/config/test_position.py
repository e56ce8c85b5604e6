from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.config.position import Positions

TEXT = '''\
state_dir = "/x"  # [milter]

[milter]
sockets = [
  "inet:8895@127.0.0.1",  # ]
  "a = 3", 'b = [',
]
note = """
workers = 3
[log]
"""
workers = 2
[checks . "dnsbl"]
enabled = true
[[checks.dnsbl.lists]]
zone = "a"
[[checks.dnsbl.lists]]
zone = "b"
codes."127.0.0.2" = 3
'''

PLACES = {
    "state_dir": 1,
    "milter": 3,
    "milter.sockets": 4,
    "milter.sockets[1]": 4,
    "milter.note": 8,
    "milter.workers": 12,
    "checks.dnsbl": 13,
    "checks.dnsbl.enabled": 14,
    "checks.dnsbl.lists": 15,
    "checks.dnsbl.lists[0].zone": 16,
    "checks.dnsbl.lists[1]": 17,
    "checks.dnsbl.lists[1].zone": 18,
    "checks.dnsbl.unknown": 13,
    "nowhere": 0,
    "log": 0,
}


@pytest.mark.parametrize(("key", "line"), PLACES.items(), ids=PLACES)
def test_a_key_is_found_on_its_line(key: str, line: int) -> None:
    tomllib.loads(TEXT)
    assert Positions(TEXT).line(key) == line


def flat(table: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for name, value in table.items():
        keys.append(f"{prefix}{name}")
        if isinstance(value, dict):
            keys += flat(value, f"{prefix}{name}.")
    return keys


value = st.sampled_from(
    ["1", '"a # b"', "'[x]'", '"""\n[y]\nk = 1\n"""', "[\n1,\n2]", "{ a = 1 }", '"\\""']
)


@pytest.mark.fuzz
@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh"), value), max_size=12))
def test_every_key_of_any_file_is_on_a_line_that_names_it(
    parts: list[tuple[bool, str, str]],
) -> None:
    text = "".join(f"[{name}]\n" if header else f"{name} = {v}\n" for header, name, v in parts)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = text.splitlines()
    for key in flat(table):
        if key.endswith(".a") and "{" in text:
            continue  # a key within an inline table is found on the table's line
        assert key.rpartition(".")[2] in lines[Positions(text).line(key) - 1]

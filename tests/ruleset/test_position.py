"""Where keys stand in TOML text."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.position import Positions

TEXT = '''\
# a comment
top = 1
[rule.A] # and another
where = "subject"
match = [
  'one', # first
  """
two""",
  "th\\"ree",
]
hit = { message = "x", client = "192.0.2.1" }
[rule."B c"]
n = 1979-05-27
[[many]]
a = 1
[[many]]
a.b = 2
'''


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (("top",), "2:7"),
        (("rule", "A"), "3:1"),
        (("rule", "A", "where"), "4:9"),
        (("rule", "A", "match", 0), "6:3"),
        (("rule", "A", "match", 1), "7:3"),
        (("rule", "A", "match", 2), "9:3"),
        (("rule", "A", "match", 7), "5:9"),
        (("rule", "A", "hit", "client"), "11:33"),
        (("rule", "B c", "n"), "13:5"),
        (("many", 1, "a", "b"), "17:7"),
        (("rule", "A", "nothing"), "3:1"),
        (("nothing",), "1:1"),
    ],
)
def test_places(path: tuple[str | int, ...], where: str) -> None:
    assert str(Positions(TEXT).place(*path)) == where


def test_a_character_inside_plain_quotes_has_a_place() -> None:
    positions = Positions(TEXT)
    assert str(positions.within(2, "rule", "A", "match", 0)) == "6:5"
    assert str(positions.within(2, "rule", "A", "match", 2)) == "9:3"  # escaped: its start


@given(
    st.dictionaries(
        st.text("abc-_", min_size=1, max_size=4),
        st.one_of(st.integers(), st.text('ab"\\\n#[]', max_size=6), st.booleans()),
        max_size=5,
    )
)
def test_every_key_that_tomllib_sees_has_its_line(table: dict[str, Any]) -> None:
    def written(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            for old, new in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
                value = value.replace(old, new)
            return f'"{value}"'
        return str(value)

    text = "".join(f"{key} = {written(value)}\n" for key, value in table.items())
    assert tomllib.loads(text) == table
    positions = Positions(text)
    for number, key in enumerate(table, 1):
        assert positions.place(key).line == number

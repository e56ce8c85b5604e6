from __future__ import annotations

import pytest

from filterd.frontends.cli.mta.health import seconds
from filterd.frontends.cli.mta.postfix import endpoint, split_milters


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", []),
        ("inet:127.0.0.1:8891", ["inet:127.0.0.1:8891"]),
        ("inet:a:1, unix:b/c inet:d:2", ["inet:a:1", "unix:b/c", "inet:d:2"]),
        ("{ inet:a:1, default_action=accept, command_timeout=5s }, unix:x",
         ["{ inet:a:1, default_action=accept, command_timeout=5s }", "unix:x"]),
        ("{inet:a:1}{unix:b}", ["{inet:a:1}", "{unix:b}"]),
    ],
    ids=["none", "one", "commas and blanks", "braces", "braces without blanks"],
)  # fmt: skip
def test_a_list_of_milters_as_postfix_reads_it(text: str, entries: list[str]) -> None:
    assert split_milters(text) == entries


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("inet:127.0.0.1:8895", "inet:127.0.0.1:8895"),
        ("{ inet:localhost:8895, default_action=tempfail }", "inet:127.0.0.1:8895"),
        ("{inet:[::1]:8895}", "inet:127.0.0.1:8895"),
        ("local:filterd/milter.sock", "unix:filterd/milter.sock"),
        ("{}", ""),
        ("", ""),
    ],
)
def test_spellings_of_one_place_are_one(entry: str, place: str) -> None:
    assert endpoint(entry) == place


@pytest.mark.parametrize(
    ("text", "value"), [("30s", 30), ("300", 300), ("5m", 300), ("1h", 3600), ("x", 0)]
)
def test_times_of_postfix(text: str, value: float) -> None:
    assert seconds(text) == value

"""List files: what a line means, mistakes by line, and what happens when the file goes away."""

from __future__ import annotations

import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.store.listfile import ListFile, parse

TEXT = """# comment
192.0.2.0/24   # our partner
192.0.2.128/25 unsafe
2001:db8::/32
example.org
sub.example.org unsafe
@only.example
Ann@Example.NET
bücher.example
"""


def test_the_smallest_network_wins() -> None:
    found = parse(TEXT, "f")
    assert len(found) == 8
    for address, line in (("192.0.2.1", 2), ("192.0.2.200", 3), ("2001:db8::9", 4)):
        entry = found.client(ip_address(address))
        assert entry is not None
        assert entry.line == line
    assert found.client(ip_address("192.0.3.1")) is None
    assert found.client(ip_address("::c000:201")) is None


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("x@example.org", 5),
        ("x@deep.example.org", 5),
        ("x@a.sub.example.org", 6),
        ("x@only.example", 7),
        ("x@sub.only.example", None),
        ("ann@example.net", 8),
        ("bob@example.net", None),
        ("x@xn--bcher-kva.example", 9),
        ("x@BÜCHER.example", 9),
        ("x@notexample.org", None),
        ("", None),
        ("no-domain", None),
    ],
)
def test_addresses(address: str, line: int | None) -> None:
    entry = parse(TEXT, "f").address(address)
    assert (entry.line if entry else None) == line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("192.0.2.0/33", "is no network"),
        ("example.org usafe", '"usafe" is not known'),
        ("localhost", "is no network, domain or address"),
        ("com", "is no network, domain or address"),
        ("co.uk", "whole registry"),
        ("a b c", '"b" is not known'),
    ],
)
def test_a_mistake_loses_its_line_only(line: str, message: str) -> None:
    found = parse(f"good.example\n{line}\n192.0.2.1\n", "f", is_allow=True)
    (problem,) = found.problems
    assert message in problem.message
    assert (problem.file, problem.where) == ("f", "2")
    assert len(found) == 2


@given(st.text())
def test_any_text_is_a_list(text: str) -> None:
    found = parse(text, "f")
    assert len(found) + len(found.problems) <= len(text.splitlines())


def test_a_file_that_goes_away_keeps_its_last_state(tmp_path: Path) -> None:
    path = tmp_path / "list"
    file = ListFile(str(path))
    assert len(file.current(0.0)) == 0
    path.write_text("example.org\n")
    assert len(file.current(0.5)) == 0
    assert len(file.current(1.0)) == 1
    path.unlink()
    assert len(file.current(2.0)) == 1
    path.write_text("example.org\nexample.net\n")
    assert len(file.current(3.0)) == 2


def test_a_large_file_that_changed_is_read_without_holding_anybody_up(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("".join(f"d{n}.example\n" for n in range(10_000)))
    file = ListFile(str(path))
    assert (
        len(file.current(0.0)) == 10_000
    )  # the first time there is nothing else to answer with
    path.write_text("".join(f"d{n}.example\n" for n in range(20_000)))
    file.current(1.0)
    deadline = time.monotonic() + 10
    while len(file.current(1.5)) != 20_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)

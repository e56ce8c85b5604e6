"""Lists: what falls under an entry, and which lines are refused."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset import listing
from filterd.ruleset.listing import Words, make_listing, read_list


def found(kind: str, entries: list[str], text: str) -> str:
    made, wrong = make_listing(kind, list(enumerate(entries)))
    assert not wrong
    return made.find(text.encode())


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_networks_agree_with_ipaddress(nets: list[tuple[int, int]], number: int) -> None:
    networks = [ip_network((n >> (32 - p) << (32 - p) if p else 0, p)) for n, p in nets]
    address = IPv4Address(number)
    expected = any(address in network for network in networks)
    entry = found("network", [str(network) for network in networks], str(address))
    assert bool(entry) is expected
    if entry:
        assert address in ip_network(entry)


@pytest.mark.parametrize(
    ("kind", "entries", "text", "entry"),
    [
        ("network", ["192.0.2.1"], "192.0.2.1", "192.0.2.1/32"),
        ("network", ["192.0.2.0/24", "192.0.2.128/25"], "192.0.2.200", "192.0.2.128/25"),
        ("network", ["192.0.2.1"], "unknown", ""),
        ("domain", ["example.org"], "a.b.EXAMPLE.org.", "example.org"),
        ("domain", ["=example.org"], "example.org", "=example.org"),
        ("domain", ["*.example.org"], "x.example.org", "example.org"),
        ("domain", ["bücher.example"], "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("domain", ["example.org"], "", ""),
        ("address", ["<>"], "", "<>"),
        ("address", ["a@x.example"], "<A@X.example>", "a@x.example"),
        ("address", ["@x.example"], "b@x.example", "@x.example"),
        ("words", ["Ünder way"], "it is ünder \n WAY now", "ünder way"),
        ("words", ["$$$"], "a$$$b", "$$$"),
        ("words", ["cat"], "concat cats", ""),
        ("words", ["cat"], "concat, cat", "cat"),
    ],
)
def test_what_falls_under_an_entry(
    kind: str, entries: list[str], text: str, entry: str
) -> None:
    assert found(kind, entries, text) == entry


@pytest.mark.parametrize(
    ("kind", "entry", "message"),
    [
        ("network", "192.0.2.1/24", "192.0.2.1/24 has host bits set"),
        ("network", "x", "'x' does not appear to be an IPv4 or IPv6 network"),
        ("domain", "a b", "'a b' is no domain name"),
        ("domain", "", "'' is no domain name"),
        ("address", "example.org", "'example.org' is no address; write user@domain or @domain"),
    ],
)
def test_wrong_entries(kind: str, entry: str, message: str) -> None:
    _, wrong = make_listing(kind, [(7, entry)])
    assert wrong == [(7, message)]


def test_word_lists_count_every_entry_found() -> None:
    made, _ = make_listing("words", [(1, "free"), (2, "cash now"), (3, "pills")])
    assert isinstance(made, Words)
    assert sorted(made.found(b"FREE! Cash  now. cash now")) == ["cash now", "free"]


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.list"
    path.write_bytes(b"# comment\n\na # why\n  b  \n")
    assert read_list(path) == ([(3, "a"), (4, "b")], [])
    path.write_bytes(b"\xff")
    assert [p.message for p in read_list(path)[1]] == ["is not UTF-8"]
    assert [p.message for p in read_list(tmp_path / "none")[1]] == ["No such file or directory"]
    path.write_text("x" * 2000)
    assert [p.message for p in read_list(path)[1]] == ["the line is too long"]
    monkeypatch.setattr(listing, "MAX_ENTRIES", 2)
    path.write_text("a\nb\nc\n")
    assert [p.message for p in read_list(path)[1]] == ["more than 2 entries"]
    monkeypatch.setattr(listing, "MAX_LIST_FILE", 3)
    assert [p.message for p in read_list(path)[1]] == ["larger than 0 MiB"]


def test_too_many_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_WORDS", 2)
    assert make_listing("words", [(1, "a"), (2, "b"), (3, "c")])[1] == [
        (3, "more than 2 words")
    ]

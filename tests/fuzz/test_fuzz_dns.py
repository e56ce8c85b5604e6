"""Any bytes give a reply or WireError; any text gives a zone."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filterd.core.lookup import Answer, RRType, Status, question
from filterd.dns import wire
from filterd.dns.zone import Zone
from tests.dns.test_wire import SOA, TXT, A, reply

SEEDS = [
    reply(question("a.example", rrtype), *lines, authority=SOA)
    for rrtype, lines in [
        (A, ["a.example. 60 CNAME b.example.", "b.example. 7 A 192.0.2.1"]),
        (TXT, ['a.example. 60 TXT "v=spf1" "-all"']),
        (RRType.MX, ["a.example. 60 MX 10 mx.a.example."]),
        (RRType.SOA, ["a.example. 60 SOA ns.example. h.example. 1 2 3 4 5"]),
    ]
]


@pytest.mark.fuzz
@example(SEEDS[0], [], 0, A)
@given(
    st.sampled_from(SEEDS) | st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    st.integers(0, 40),
    st.sampled_from(RRType),
)
def test_any_bytes_give_a_reply_or_wire_error(
    packet: bytes, changes: list[tuple[int, int]], cut: int, rrtype: RRType
) -> None:
    asked = question("a.example", rrtype)
    section = wire.question_section(asked)
    broken = bytearray(packet)
    for place, value in changes:
        if place < len(broken):
            broken[place] = value
    data = bytes(broken[: len(broken) - cut] if cut else broken)
    wire.is_bare_error(data)
    if not wire.is_reply_to(data, section):
        data = data[:12].ljust(12, b"\0") + section + data[12:]
    try:
        found = wire.read_reply(data, asked, section)
    except wire.WireError:
        return
    assert isinstance(found, Answer | wire.Reply)


@pytest.mark.fuzz
@given(
    st.lists(
        st.sampled_from(["a.example", "IN", "A", "TXT", "MX", "CNAME", "TIMEOUT", "$ORIGIN", "$TTL", '"', "(", ")",
                         ";", "\\", "\n", " ", "192.0.2.1", "*", "@", ".", "\\300", "60"])
        | st.text(max_size=3)
    ).map("".join)
)  # fmt: skip
def test_any_text_gives_a_zone(text: str) -> None:
    zone = Zone(text)
    for name in ("a.example", "example", "x.a.example", ""):
        for rrtype in RRType:
            assert isinstance(zone.ask(question(name, rrtype)).status, Status)

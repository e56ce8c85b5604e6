from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.core.lookup import Answer, Question, RRType, Status, question
from filterd.dns import wire

NAME = question("Example.ORG.", RRType.TXT).name


def reply(
    asked: Question, *records: str, rcode: int = 0, authority: tuple[str, ...] = ()
) -> bytes:
    """A packet by dnspython: `records` as zone text lines."""
    message = dns.message.make_response(
        dns.message.make_query(asked.name + ".", asked.rrtype.name), recursion_available=True
    )
    message.set_rcode(dns.rcode.Rcode(rcode))
    for section, lines in ((message.answer, records), (message.authority, authority)):
        for line in lines:
            name, ttl, kind, data = line.split(" ", 3)
            section.append(dns.rrset.from_text(name, int(ttl), "IN", kind, data))
    return message.to_wire(max_size=65535)


def read(asked: Question, packet: bytes) -> Answer | wire.Reply:
    section = wire.question_section(asked)
    assert wire.is_reply_to(packet, section)
    return wire.read_reply(packet, asked, section)


A, TXT = RRType.A, RRType.TXT

TABLE = {
    "one address": (
        question("a.example", A),
        ["a.example. 60 A 192.0.2.1"],
        Answer(Status.OK, addresses=("192.0.2.1",), ttl=60),
    ),
    "the least TTL counts": (
        question("a.example", A),
        ["a.example. 60 CNAME b.example.", "b.example. 7 A 192.0.2.1"],
        Answer(Status.OK, addresses=("192.0.2.1",), ttl=7),
    ),
    "a chain in any order": (
        question("a.example", RRType.AAAA),
        [
            "c.example. 60 AAAA 2001:DB8::1",
            "b.example. 60 CNAME C.example.",
            "A.example. 60 CNAME b.example.",
        ],
        Answer(Status.OK, addresses=("2001:db8::1",), ttl=60),
    ),
    "strings are joined": (
        question("a.example", TXT),
        [r'a.example. 60 TXT "v=spf1 " "-all" "\000\255"'],
        Answer(Status.OK, txt=(b"v=spf1 -all\x00\xff",), ttl=60),
    ),
    "an empty string": (
        question("a.example", TXT),
        ['a.example. 60 TXT ""'],
        Answer(Status.OK, txt=(b"",), ttl=60),
    ),
    "exchanges": (
        question("a.example", RRType.MX),
        ["a.example. 60 MX 10 MX.example."],
        Answer(Status.OK, mx=((10, "mx.example"),), ttl=60),
    ),
    "the null MX": (
        question("a.example", RRType.MX),
        ["a.example. 60 MX 0 ."],
        Answer(Status.OK, mx=((0, ""),), ttl=60),
    ),
    "a pointer with odd bytes": (
        question("1.2.0.192.in-addr.arpa", RRType.PTR),
        [r"1.2.0.192.in-addr.arpa. 60 PTR a\.b.c\032d.\255.example."],
        Answer(Status.OK, names=(r"a\.b.c\032d.\255.example",), ttl=60),
    ),
    "records of strangers": (
        question("a.example", A),
        ["a.example. 60 A 192.0.2.1", "b.example. 5 A 192.0.2.66"],
        Answer(Status.OK, addresses=("192.0.2.1",), ttl=60),
    ),
    "the start of authority": (
        question("a.example", RRType.SOA),
        ["a.example. 60 SOA NS.example. h.example. 1 2 3 4 5"],
        Answer(Status.OK, names=("ns.example",), ttl=60),
    ),
}


@pytest.mark.parametrize(("asked", "records", "expected"), TABLE.values(), ids=TABLE)
def test_reply_gives_the_answer(asked: Question, records: list[str], expected: Answer) -> None:
    assert read(asked, reply(asked, *records)) == expected


SOA = ("example. 900 SOA ns.example. h.example. 1 2 3 4 300",)


@pytest.mark.parametrize(
    ("rcode", "records", "authority", "expected"),
    [
        (0, (), SOA, Answer(Status.NODATA, ttl=300)),
        (3, (), SOA, Answer(Status.NXDOMAIN, ttl=300)),
        (3, ("a.example. 60 CNAME b.example.",), SOA, Answer(Status.NXDOMAIN, ttl=60)),
        (0, ("a.example. 60 CNAME b.example.",), SOA, Answer(Status.NODATA, ttl=60)),
        (3, (), (), Answer(Status.NXDOMAIN)),
        (0, (), (), Answer(Status.NODATA)),
    ],
    ids=[
        "nodata",
        "nxdomain",
        "alias-to-nothing",
        "alias-to-nodata",
        "bare-nxdomain",
        "bare-nodata",
    ],
)
def test_no_is_an_answer_with_a_ttl(
    rcode: int, records: tuple[str, ...], authority: tuple[str, ...], expected: Answer
) -> None:
    asked = question("a.example", A)
    packet = reply(asked, *records, rcode=rcode, authority=authority)
    assert read(asked, packet) == expected


@pytest.mark.parametrize(
    ("owner", "is_name"),
    [
        (b"\xc0\x0c", True),
        (b"\xc0\x0e", True),
        (b"\xc0\x16", True),  # the end of the question's name
        (b"\x00", True),
        (b"\x05other\x00", True),
        (b"\x05other\xc0\x0e", True),
        (b"\xc0\x0d", False),  # amid a label: "a" is no length
        (b"\xc0\x1b", False),  # itself
        (b"\xc0\x1d", False),  # forward
        (b"\xc0\x02", False),  # the header
        (b"\xff\xff", False),
        (b"\x80\x00", False),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else str(value),
)
def test_owner_of_the_soa_has_to_be_a_name(owner: bytes, is_name: bool) -> None:
    asked = question("a.example", A)
    soa = (
        owner
        + struct.pack("!HHIH", 6, 1, 900, 22)
        + b"\0\0"
        + struct.pack("!5I", 1, 2, 3, 4, 300)
    )
    head = struct.pack("!6H", 1, 0x8183, 1, 0, 1, 0)
    packet = head + wire.question_section(asked) + soa
    if is_name:
        assert read(asked, packet) == Answer(Status.NXDOMAIN, ttl=300)
    else:
        with pytest.raises(wire.WireError):
            read(asked, packet)


def test_alias_to_the_root_has_no_data() -> None:
    asked = question("a.example", A)
    assert read(asked, reply(asked, "a.example. 60 CNAME .")) == Answer(Status.NODATA)


def test_chain_that_ends_outside_says_where_to_go_on() -> None:
    asked = question("a.example", A)
    found = read(asked, reply(asked, "a.example. 60 CNAME b.example."))
    assert found == wire.Reply(0, alias="b.example")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_alias_loop_is_a_temporary_failure(length: int) -> None:
    asked = question("l0.example", A)
    chain = [f"l{n}.example. 60 CNAME l{(n + 1) % length}.example." for n in range(length)]
    answer = read(asked, reply(asked, *chain))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason) == (Status.TEMPFAIL, "alias-loop")


@pytest.mark.parametrize("rcode", [1, 2, 4, 5, 9])
def test_error_codes_settle_nothing(rcode: int) -> None:
    asked = question("a.example", A)
    assert read(asked, reply(asked, rcode=rcode)) == wire.Reply(rcode)


def test_referral_is_a_refusal() -> None:
    asked = question("a.example", A)
    packet = bytearray(reply(asked, authority=("example. 60 NS ns.example.",)))
    packet[3] &= 0x7F  # no recursion available
    assert read(asked, bytes(packet)) == wire.Reply(wire.REFUSED)


def test_truncation_is_seen_before_all_else() -> None:
    asked = question("a.example", TXT)
    packet = bytearray(reply(asked))
    packet[2] |= 0x02
    assert read(asked, bytes(packet)) == wire.Reply(0, truncated=True)


def test_more_records_than_anybody_needs_are_refused() -> None:
    asked = question("a.example", A)
    many = " ".join(f"10.0.{n // 250}.{n % 250}" for n in range(wire.MAX_RECORDS + 1)).split()
    message = dns.message.make_response(dns.message.make_query("a.example.", "A"))
    message.answer.append(dns.rrset.from_text_list("a.example.", 60, "IN", "A", many))
    answer = read(asked, message.to_wire(max_size=65535))
    assert isinstance(answer, Answer)
    assert answer.reason == "oversize"


def test_question_of_the_reply_may_be_in_any_case() -> None:
    asked = question("a.example", A)
    packet = reply(asked, "a.example. 60 A 192.0.2.1")
    section = wire.question_section(asked)
    assert wire.is_reply_to(
        packet[:12] + packet[12:].replace(b"example", b"eXaMpLe", 1), section
    )
    assert not wire.is_reply_to(
        packet[:12] + packet[12:].replace(b"example", b"exbmple", 1), section
    )


def test_query_is_what_dnspython_reads() -> None:
    packet = wire.query(wire.question_section(question("A.example", TXT)), 4711)
    message = dns.message.from_wire(packet)
    assert (message.id, message.edns, message.payload) == (4711, 0, wire.EDNS_PAYLOAD)
    assert message.flags == dns.flags.RD | dns.flags.AD
    assert message.question[0].to_text() == "a.example. IN TXT"
    assert dns.message.from_wire(wire.query(packet[12:-11], 1, edns=False)).edns == -1


@pytest.mark.parametrize(
    "name",
    ["a..b", ".a", "x" * 64, ".".join(["x" * 63] * 4), "a\\", "a\\25", "a\\256", "..", "a.."],
)
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(wire.WireError):
        wire.name_to_wire(name)


LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=5).filter(
    lambda labels: sum(map(len, labels)) + len(labels) < 255
)


@given(LABELS)
def test_name_in_text_and_back_is_the_same(labels: list[bytes]) -> None:
    text = wire.labels_to_name(labels)
    assert wire.name_to_labels(text) == tuple(label.lower() for label in labels)
    assert wire.canonical(text) == text
    assert wire.name_to_wire(text) == dns.name.Name([*labels, b""]).to_digestable()


RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["a.example", "b.example", "c.example", "A.EXAMPLE"]),
        st.integers(0, 100),
        st.sampled_from(
            ["A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1", "TXT \"x\" \"y\"", "MX 10 b.example.",
             "NS b.example.", "PTR c.example."]
        ),
    ),
    max_size=8,
)  # fmt: skip


@given(RECORDS, st.sampled_from(RRType))
def test_dnspython_finds_the_same_records(
    records: list[tuple[str, int, str]], rrtype: RRType
) -> None:
    asked = question("a.example", rrtype)
    lines = [f"{owner}. {ttl} {data}" for owner, ttl, data in records]
    packet = reply(asked, *lines)
    ours = read(asked, packet)
    assert isinstance(ours, Answer)
    message = dns.message.from_wire(packet)
    theirs = [
        rdata
        for rrset in message.answer
        if rrset.name == dns.name.from_text("a.example.") and rrset.rdtype == rrtype.value
        for rdata in rrset
    ]
    assert (ours.status is Status.OK) == bool(theirs)
    match rrtype:
        case RRType.A | RRType.AAAA:
            assert set(ours.addresses) == {rdata.address for rdata in theirs}
        case RRType.TXT:
            assert set(ours.txt) == {b"".join(rdata.strings) for rdata in theirs}
        case RRType.MX:
            assert set(ours.mx) == {(rdata.preference, "b.example") for rdata in theirs}
        case _:
            texts = {rdata.to_text().rstrip(".") for rdata in theirs}
            assert set(ours.names) == texts


@pytest.mark.parametrize("hops", [100, 200], ids=["deep", "too-deep"])
def test_a_name_of_pointers_only_is_refused_early(hops: int) -> None:
    """A chain of pointers lies in the first record's data; the second record's owner is its end."""
    asked = question("a.example", TXT)
    section = wire.question_section(asked)
    start = 12 + len(section) + 12  # of the chain
    places = [12, *(start + 2 * n for n in range(hops))]
    chain = b"".join((0xC000 | place).to_bytes(2, "big") for place in places[:-1])
    first = b"\xc0\x0c\0\x01\0\x01\0\0\0\0" + len(chain).to_bytes(2, "big") + chain
    second = (0xC000 | places[-1]).to_bytes(2, "big") + b"\0\x10\0\x01\0\0\0\0\0\x01\0"
    packet = b"\0\0\x81\x80\0\x01\0\x02\0\0\0\0" + section + first + second
    if hops < wire.MAX_POINTERS:
        assert read(asked, packet) == Answer(Status.OK, txt=(b"",))
    else:
        with pytest.raises(wire.WireError):
            read(asked, packet)

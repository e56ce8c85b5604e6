from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.header import MOST_BEYOND, Field, Gatherer, Header, split
from tests.support.speed import is_within

MANY, LONG = 2_000, 1 << 20


def fields_of(raw: bytes) -> list[tuple[str, bytes]]:
    return [(field.name, field.raw) for field in split(raw, MANY, LONG)[0]]


def test_fields_keep_every_byte() -> None:
    raw = b"From:  a\r\nSubject: b\r\n\tc \r\nX:\r\n\r\nbody"
    header, offset, defects = split(raw, MANY, LONG)
    assert [(f.name, f.raw) for f in header] == [
        ("From", b"  a"),
        ("Subject", b" b\r\n\tc "),
        ("X", b""),
    ]
    assert raw[offset:] == b"body"
    assert defects == ()


@pytest.mark.parametrize(
    ("raw", "names", "body", "defects"),
    [
        (b"A: b\n\nbody", ["A"], b"body", ()),
        (b"A: b\n", ["A"], b"", ()),
        (b"A: b", ["A"], b"", ()),
        (b"", [], b"", ()),
        (b"\n", [], b"", ()),
        (b"From x Mon\nA: b\n\nbody", ["A"], b"body", ("mbox-from",)),
        (b"A: b\nno field here\nC: d\n", ["A"], b"no field here\nC: d\n", ("junk-line",)),
        (b" folded\nA: b\n", [], b" folded\nA: b\n", ("junk-line",)),
        (b"A : b\n\n", ["A"], b"", ()),
        (b"A: b\n \n c\n\nbody", ["A"], b"body", ()),
    ],
)
def test_where_a_header_ends(
    raw: bytes, names: list[str], body: bytes, defects: tuple[str, ...]
) -> None:
    header, offset, found = split(raw, MANY, LONG)
    assert ([f.name for f in header], raw[offset:], found) == (names, body, defects)


def test_fields_beyond_the_limit_are_counted_not_kept() -> None:
    header, _, defects = split(b"A: b\n" * 10 + b"\n", 4, LONG)
    assert (len(header), header.skipped, defects) == (4, 6, ("too-many-fields",))


def test_bytes_beyond_the_limit_are_not_looked_at() -> None:
    assert "header-too-long" in split(b"A: b\n" * 1000, MANY, 100)[2]


def test_a_header_too_long_to_be_read_ends_where_its_body_begins() -> None:
    raw = b"A: b\r\n" * 1000 + b"\r\nbody"
    header, offset, _ = split(raw, MANY, 100)
    assert (len(header), raw[offset:]) == (16, b"body")
    part = split(b"A: b\n" * 1000 + b"--q\n\nbody", MANY, 100, delimiters={b"--q"})
    assert part[1] < 5000


@pytest.mark.parametrize("max_fields", [4, MANY])
@pytest.mark.parametrize(
    "name", ["From", "CONTENT-TYPE", "Authentication-Results", "X-Spam-Flag", "DKIM-Signature"]
)
def test_what_decides_cannot_be_hidden_behind_what_does_not(name: str, max_fields: int) -> None:
    last = f"{name}: x\n".encode()
    header, _, marks = split(b"A: b\n" * 30 + last * 3 + b"\nbody", max_fields, 80)
    assert [field.value for field in header.all(name)] == ["x"] * 3
    assert len(header) < 20
    assert marks


def test_there_is_an_end_to_what_decides() -> None:
    gathered = Gatherer(1, 100)
    for _ in range(MOST_BEYOND + 5):
        gathered.add("To", b" " + b"x" * 50_000)
    assert len(gathered.header) == MOST_BEYOND
    assert gathered.header.skipped == 5
    assert max(len(field.raw) for field in gathered.header) < 20_000
    assert gathered.marks == {"header-too-long"}


def test_one_field_too_large_does_not_take_the_room_of_others() -> None:
    gathered = Gatherer(10, 100)
    gathered.add("X-Long", b"x" * 1_000)
    gathered.add("X-Short", b" 1")
    assert [field.name for field in gathered.header] == ["X-Short"]


def test_the_header_of_a_part_ends_before_a_delimiter() -> None:
    raw = b"xx\nA: b\n--q \nC: d\n"
    header, offset, _ = split(raw, MANY, LONG, start=3, delimiters={b"--q"})
    assert [f.name for f in header] == ["A"]
    assert raw[offset:].startswith(b"--q")


def test_the_header_gathered_so_far_is_made_once_and_anew_when_there_is_more() -> None:
    gathered = Gatherer(2, 1_000)
    gathered.add("To", b" a")
    so_far = gathered.header
    assert gathered.header is so_far
    gathered.add("To", b" b")
    assert [field.value for field in gathered.header.all("to")] == ["a", "b"]
    gathered.add("X-More", b" c")
    assert gathered.header.skipped == 1
    assert [field.value for field in so_far] == ["a"]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b" a\r\n\tb", b"a\tb"),
        (b" a\n b\n", b"a b"),
        (b"a\rb", b"ab"),
        (b"a\r\r\n b", b"a b"),
        (b"a\nb\r\n c\rd", b"a\nb cd"),
        (b"\r\n ", b""),
    ],
)
def test_only_a_line_end_that_folds_is_taken_out(raw: bytes, value: bytes) -> None:
    field = Field("X", raw)
    assert (field.unfolded, field.unfolded, field.raw) == (value, value, raw)


def test_values_are_unfolded_and_read_as_utf8_or_latin1() -> None:
    assert Field("A", b" x\r\n\ty ").value == "x\ty"
    assert Field("A", "ü".encode()).value == "ü"
    assert Field("A", b"\xfc").value == "ü"


@pytest.mark.parametrize(
    ("raw", "unfolded"),
    [
        pytest.param(b" a\r\n b\n\tc", b"a b\tc", id="folds-of-either-line-end"),
        pytest.param(b" a\r\n \r\n b", b"a  b", id="an-empty-line-of-the-value"),
        pytest.param(b" a\rb", b"ab", id="bare-CR"),
        pytest.param(b" a\r\r\n b", b"a b", id="CR-before-the-line-end"),
        pytest.param(b" a\r\nb", b"a\r\nb", id="no-fold"),
        pytest.param(b" a\r\n\n b", b"a\r\n b", id="only-one-of-two-line-ends-is-a-fold"),
    ],
)
def test_only_folds_and_bare_cr_are_taken_out(raw: bytes, unfolded: bytes) -> None:
    assert Field("A", raw).unfolded == unfolded


def test_names_are_found_in_any_case_top_first() -> None:
    header = Header([Field("To", b" a"), Field("TO", b" b")])
    assert header.value("to") == "a"
    assert [f.value for f in header.all("tO")] == ["a", "b"]
    assert "tO" in header
    assert header.first("x") is None


@given(st.lists(st.tuples(st.from_regex(rb"[A-Za-z-]{1,10}", fullmatch=True),
                          st.from_regex(rb"[ -~]{0,20}(\r\n[ \t][ -~]{0,10}){0,2}", fullmatch=True)), max_size=8))  # fmt: skip
def test_lines_joined_give_what_came_in(pairs: list[tuple[bytes, bytes]]) -> None:
    raw = b"".join(name + b":" + value + b"\r\n" for name, value in pairs) + b"\r\n"
    header, offset, _ = split(raw, MANY, LONG)
    assert b"".join(field.line for field in header) + b"\r\n" + raw[offset:] == raw


@given(st.binary(max_size=300))
def test_any_bytes_give_a_header(raw: bytes) -> None:
    header, offset, _ = split(raw, MANY, LONG)
    assert 0 <= offset <= len(raw)
    assert all(field.value is not None for field in header)


@pytest.mark.parametrize(
    "raw",
    [b"A: b\n" * 200_000, b"A:" + b"x" * 1_000_000, b"A: b\n" + b" \n" * 500_000],
    ids=["fields", "long", "folds"],
)
def test_a_mebibyte_of_header_takes_under_a_second(raw: bytes) -> None:
    started = time.thread_time()
    split(raw, MANY, 2 << 20)
    assert is_within(time.thread_time() - started, 1.0)

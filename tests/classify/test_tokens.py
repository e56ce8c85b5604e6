"""Tokens: in the order of their groups, hashed as ever, and each one can be named."""

from __future__ import annotations

from zlib import crc32

from filterd.classify.source import read
from filterd.classify.tokens import MAX_TOKENS_A_FIELD, Tokens
from tests.support.builders import a_message

MESSAGE = (
    "From: Ann <ann@a.example>\nX-Empty:\nSubject: Lunch at noon\nX-Last:\n\n"
    "Shall we have http://lunch.example/ now?\n"
)


def _named(raw: str, *, is_local: bool = True) -> list[tuple[str, int]]:
    """Name and hash of each token."""
    tokens = Tokens(read(a_message(raw), is_local=is_local))
    assert sum(tokens.lengths) == len(tokens.hashes)
    return [(tokens.name(place), hashed) for place, hashed in enumerate(tokens.hashes.tolist())]


def test_hashes_are_part_of_the_model_format() -> None:
    found = dict(_named(MESSAGE))
    shall, we = crc32(b"shall", 1), crc32(b"we", 1)
    assert found["text shall"] == shall
    assert found["text shall we"] == (shall * 0x100000001B3 + we) & 0xFFFFFFFF
    assert found["subject: lunch"] == crc32(b"lunch", crc32(b"subject"))
    assert found["subject lunch"] == crc32(b"subject lunch")
    assert found["host lunch.example"] == crc32(b"host lunch.example")
    assert found["order ^ > from"] == crc32(b"order ^ > from")


def test_fields_without_words_shift_no_name() -> None:
    names = [name for name, _ in _named(MESSAGE)]
    assert names[:6] == [
        "from: ann",
        "from: ann@a.example",
        "subject: lunch",
        "subject: at",
        "subject: noon",
        "text shall",
    ]


def test_a_field_gives_so_many_tokens_and_no_more() -> None:
    raw = "X-Many: " + " ".join(f"w{n}" for n in range(100)) + "\nX-Next: last\n\nhi\n"
    names = [name for name, _ in _named(raw)]
    assert sum(name.startswith("x-many: ") for name in names) == MAX_TOKENS_A_FIELD
    assert "x-next: last" in names


def test_a_folded_field_is_one() -> None:
    names = [name for name, _ in _named("X-Folded: one\n two\nX-Next: three\n\nhi\n")]
    assert names[:3] == ["x-folded: one", "x-folded: two", "x-next: three"]


def test_without_local_labels_fields_have_no_tokens() -> None:
    assert _named(MESSAGE, is_local=False) == _named(MESSAGE)[5:]

"""Places: which names there are, and that what they give is bounded."""

from __future__ import annotations

import pytest

from filterd.core.stage import Stage
from filterd.limits import LIMITS
from filterd.ruleset.place import FIXED, FORMS, place
from tests.support.builders import a_transaction


def values(name: str, **facts: object) -> tuple[bytes, ...]:
    found = place(name)
    assert found is not None
    return found.values(a_transaction(**facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["", "subjekt", "header:", "header:a b", "header:X:odd", "x:y"]
)
def test_there_is_no_such_place(name: str) -> None:
    assert place(name) is None


@pytest.mark.parametrize("name", [*FIXED, *(f"header:From:{form}" for form in FORMS if form)])
def test_every_place_can_be_read_of_an_empty_message(name: str) -> None:
    assert isinstance(values(name, message="\n"), tuple)


def test_every_field_of_a_name_is_looked_at() -> None:
    assert values("header:received", message="Received: a\nX: b\nReceived: c\n d\n\n") == (
        b"a",
        b"c d",
    )


def test_the_recipient_asked_about_stands_alone_at_its_stage() -> None:
    given = {"rcpt": ("a@x.example", "b@y.example")}
    assert values("rcpt", **given) == (b"a@x.example", b"b@y.example")
    assert values("rcpt", stage=Stage.RCPT, **given) == (b"b@y.example",)


def test_a_place_gives_no_more_than_the_limit() -> None:
    raw = values("raw", message="A: b\n\n" + "x" * (LIMITS.text_bytes + 100))
    assert len(raw[0]) == LIMITS.text_bytes


def test_text_that_is_no_unicode_is_given_all_the_same() -> None:
    assert values("subject", message=b"Subject: \xe9t\xe9\n\n") == ("été".encode(),)

"""How a walk ends. The names it asks for and the RFC's examples are in conformance/dmarc."""

from __future__ import annotations

from filterd.auth.walk import walk
from filterd.core.lookup import Question
from tests.support.answers import asking


def test_walk_stops_at_psd_n() -> None:
    asked: list[Question] = []
    walked = walk(
        "a.example.com", asking({"_dmarc.example.com": "v=DMARC1; p=none; psd=n"}, asked=asked)
    )
    assert [found.domain for found in walked.found] == ["example.com"]
    assert [question.name for question in asked] == [
        "_dmarc.a.example.com",
        "_dmarc.example.com",
    ]


def test_walk_names_what_was_not_answered() -> None:
    walked = walk("a.example.com", asking({"_dmarc.example.com": "!"}))
    assert (walked.failed, walked.found) == ("example.com", ())

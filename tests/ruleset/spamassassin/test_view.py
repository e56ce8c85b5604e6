"""The places of a message that SpamAssassin's rules look at."""

from __future__ import annotations

import pytest

from tests.ruleset.spamassassin.cf import view

MESSAGE = (
    "From: =?utf-8?q?J=C3=BCrgen?= <j@a.example>, k@b.example\n"
    "Subject: =?utf-8?q?caf=C3=A9?=\n bar\n"
    "To: x@c.example\nCc: y@c.example\nX-Two: 1\nX-Two: 2\n\n"
    "first line\nsame paragraph\n\nsecond   paragraph\n"
)


@pytest.mark.parametrize(
    ("request_", "values"),
    [
        ("Subject", [b"caf\xc3\xa9 bar\n"]),
        ("From:addr", [b"j@a.example", b"k@b.example"]),
        ("From:first:addr", [b"j@a.example", b"k@b.example"]),
        ("From:name", [b"J\xc3\xbcrgen", b"k"]),
        ("From:name:raw", [b"=?utf-8?q?J=C3=BCrgen?=", b"k"]),
        ("ToCc", [b"x@c.example\n", b"y@c.example\n"]),
        ("X-Two:last", [b"2\n"]),
        ("EnvelopeFrom", [b"sender@example.org"]),
        ("From:addr:domain", [b"a.example", b"b.example"]),
        ("X-None", []),
    ],
)
def test_fields(request_: str, values: list[bytes]) -> None:
    assert view(MESSAGE).get(request_) == values


def test_the_body_has_paragraphs_and_the_subject_before_them() -> None:
    assert view(MESSAGE).body == (
        b"caf\xc3\xa9 bar\n",
        b"first line same paragraph\n",
        b"second paragraph ",
    )


def test_the_raw_body_is_decoded_and_not_rendered() -> None:
    found = view(
        "Subject: s\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+eDwvYj4K\n"
    )
    assert found.raw_body == (b"<b>x</b>\n",)


def test_fields_before_and_behind_the_border() -> None:
    found = view(
        "Received: from in (in [10.0.0.1]) by mx.example with ESMTP id 1234\nX-Ours: 1\n"
        "Received: from out (out [198.51.100.7]) by in with ESMTP id 1235\nX-Theirs: 1\n\nx\n",
        client="10.0.0.2",
    )
    outside = b"".join(found.get("ALL-EXTERNAL"))
    assert b"X-Theirs" in outside and b"X-Ours" not in outside
    assert b"X-Ours" in b"".join(found.get("ALL-TRUSTED"))

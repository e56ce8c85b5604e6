"""Which author domains are asked about. The outcomes are in conformance/dmarc."""

from __future__ import annotations

import pytest

from filterd.auth.author import Authors, author_domains
from filterd.limits import Limits
from filterd.mail.message import Message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("From: a@example.com\n", Authors(("example.com",))),
        ("From: a@example.com, b@EXAMPLE.com\n", Authors(("example.com",))),
        ("From: a@x.example, b@y.example\n", Authors(("x.example", "y.example"))),
        ("To: a@example.com\n", Authors((), "missing", "no author domain in From")),
        ("From: a@[192.0.2.1]\n", Authors((), "missing", "no author domain in From")),
        (
            "From: a@x.example\nFrom: b@x.example\n",
            Authors(("x.example",), "unclear", "several From fields"),
        ),
        (
            "From: a@x.example, b@[192.0.2.1]\n",
            Authors(("x.example",), "unclear", "address literal in From"),
        ),
        (
            "From: a@x.example, a@y.example, a@z.example\n",
            Authors(("x.example", "y.example"), "many", "more than 2 author domains"),
        ),
        (
            "From: J\udcf6rg <a@x.example>\n",
            Authors(("x.example",)),
        ),  # Latin-1 in the name only
        (
            "From: a@b\udcfccher.example\n",
            Authors(("xn--bcher-kva.example",), "unclear", "author domain is not UTF-8"),
        ),
    ],
)
def test_author_domains(fields: str, expected: Authors) -> None:
    message = Message.from_bytes(fields.encode("utf-8", "surrogateescape") + b"\nHi\n")
    assert author_domains(message, Limits(author_domains=2)) == expected

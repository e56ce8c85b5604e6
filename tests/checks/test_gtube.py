"""GTUBE is refused wherever it stands, unconditionally."""

from __future__ import annotations

import base64

import pytest

from filterd.checks.gtube import CHECK, STRING
from filterd.core.evidence import Hit, Proposal
from filterd.core.verdict import Action
from tests.support.builders import a_transaction, evidence
from tests.support.heuristics import html, mail, multipart


@pytest.mark.parametrize(
    "message",
    [
        mail(f"hello\n{STRING}\nbye\n"),
        html(f"<p>{STRING[:20]}<b>{STRING[20:]}</b>"),
        mail(base64.encodebytes(STRING.encode()), content_transfer_encoding="base64"),
        multipart("Content-Type: text/plain\n\nx", f"Content-Type: text/plain\n\n{STRING}"),
        mail(subject=STRING),
    ],
    ids=["text", "html", "base64", "part", "subject"],
)
def test_the_string_is_refused(message: bytes) -> None:
    hit, proposal = evidence(CHECK, a_transaction(message=message))
    assert hit == Hit("GTUBE")
    assert isinstance(proposal, Proposal)
    assert (proposal.action, proposal.reply.code, proposal.symbol) == (
        Action.REJECT,
        550,
        "GTUBE",
    )


@pytest.mark.parametrize("message", [mail(), mail(STRING[:-1]), mail(STRING.lower())])
def test_anything_else_is_not(message: bytes) -> None:
    assert evidence(CHECK, a_transaction(message=message)) == []


def test_the_string_is_the_published_one() -> None:
    assert len(STRING) == 68
    assert STRING.endswith("*C.34X")

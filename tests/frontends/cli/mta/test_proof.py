from __future__ import annotations

import pytest

from filterd.frontends.cli.mta.proof import Proof
from filterd.frontends.cli.wire import judge

OK = Proof("clean", 250, "2.0.0 Ok: queued")
REFUSED = Proof("GTUBE", 550, "5.7.1 Refused: GTUBE test message (why K7Q2M9XW4T)")
LATER = Proof("clean", 451, "4.7.1 Service unavailable - try again later")

CASES = {
    "proved": (OK, REFUSED, False, ""),
    "unreachable": (LATER, LATER, False, "both were deferred"),
    "clean refused": (
        Proof("clean", 554, "no"),
        REFUSED,
        False,
        "the clean message was refused",
    ),
    "not through us": (OK, Proof("GTUBE", 250, "Ok"), False, "GTUBE was accepted"),
    "refused by another": (OK, Proof("GTUBE", 550, "spam"), False, "but not by filterd"),
    "observing": (OK, Proof("GTUBE", 250, "Ok"), True, ""),
}


@pytest.mark.parametrize(("clean", "spam", "observing", "words"), CASES.values(), ids=CASES)
def test_what_the_answers_prove(clean: Proof, spam: Proof, observing: bool, words: str) -> None:
    verdict = judge(clean, spam, observing=observing)
    assert words in verdict
    assert bool(verdict) == bool(words)


def test_the_why_id_is_read_from_the_reply() -> None:
    assert REFUSED.why == "K7Q2M9XW4T"
    assert LATER.why == ""

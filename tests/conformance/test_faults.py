"""Every DNS answer in turn becomes a fault: what was a pass is unknown or absent, never a false failure.

RFC 6376 6.1.2, RFC 8617 5.2 and RFC 9989 5.3.6 each say which. Faults of the wire (truncation, loops) are
the resolver's and come as TEMPFAIL; what is left for these layers are TEMPFAIL and records full of anything.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filterd.auth import arc, dkim
from filterd.auth.author import author_domains, evaluate_message
from filterd.auth.dmarc import identifiers
from filterd.core.lookup import NODATA, NXDOMAIN, Answer, Ask, Question, tempfail
from filterd.mail.message import Message
from tests.auth.test_arc import PASSED, sealed
from tests.support.answers import Records, asking, txt
from tests.support.signing import rsa_record, signed

ZONE: dict[str, Records] = {
    "s._domainkey.example.org": rsa_record(),
    "s._domainkey.hop1.example": rsa_record(),
    "_dmarc.example.org": "v=DMARC1; p=reject",
}
RAW = signed(sealed(("hop1.example", PASSED)))

UNKNOWN = [
    tempfail(reason) for reason in ("timeout", "servfail", "refused", "garbage", "deadline")
]
JUNK = [
    txt(b""),
    txt(b"\x00\xff" * 30_000),
    txt("v=DKIM1; p=" + "A" * 64_000),
    txt("v=DMARC1; p=reject; " + "rua=mailto:a@b.example;" * 3_000),
    txt(*[b"junk"] * 500),
    txt("=;=;=;;;"),
    Answer(NODATA.status, txt=()),
]
ABSENT = [NODATA, NXDOMAIN]


def results(ask: Ask) -> tuple[str, str, str]:
    """The results of dkim, arc and dmarc."""
    message = Message.from_bytes(RAW)
    (signature,) = dkim.evaluate(message, ask, 0)
    chain = arc.evaluate(message, ask)
    known = identifiers([signature], "x@elsewhere.example")
    found = evaluate_message(author_domains(message), known, ask)
    return signature.result, chain.result, found.result


def faulty(broken: Question, answer: Answer) -> Callable[[Question], Answer]:
    plain = asking(ZONE)
    return lambda question: answer if question == broken else plain(question)


def all_questions() -> list[Question]:
    asked: list[Question] = []
    results(asking(ZONE, asked=asked))
    return list(dict.fromkeys(asked))


def test_without_faults_everything_passes() -> None:
    assert results(asking(ZONE)) == ("pass", "pass", "pass")
    assert len(all_questions()) >= 4


@pytest.mark.parametrize("answer", UNKNOWN, ids=lambda a: a.reason)
@pytest.mark.parametrize("broken", all_questions(), ids=lambda q: q.name)
def test_answer_that_does_not_come_is_temporary(broken: Question, answer: Answer) -> None:
    dkim_result, arc_result, dmarc_result = results(faulty(broken, answer))
    is_key = broken.name == "s._domainkey.example.org"
    assert dkim_result == ("temperror" if is_key else "pass")
    assert arc_result == ("fail" if broken.name.endswith("hop1.example") else "pass")
    needed = is_key or broken.name == "_dmarc.example.org"
    assert dmarc_result == ("temperror" if needed else "pass")


@pytest.mark.parametrize("answer", [*JUNK, *ABSENT])
@pytest.mark.parametrize("broken", all_questions(), ids=lambda q: q.name)
def test_answer_full_of_anything_is_permanent(broken: Question, answer: Answer) -> None:
    dkim_result, arc_result, dmarc_result = results(faulty(broken, answer))
    is_key = broken.name == "s._domainkey.example.org"
    assert dkim_result == ("permerror" if is_key else "pass")
    assert arc_result in {"pass", "fail"}
    if is_key:
        assert dmarc_result == "fail"
    elif broken.name == "_dmarc.example.org":
        assert dmarc_result in {"none", "pass"}
    else:
        assert dmarc_result == "pass"

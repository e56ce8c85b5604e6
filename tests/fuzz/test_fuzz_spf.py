"""Any record gives one of the seven results, and no more questions ahead than are allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.auth.spf import evaluate_mail_from
from filterd.auth.spfahead import MAX_LEADS, leads
from filterd.core.lookup import Answer, Asked, Lead, Question, RRType, Status
from filterd.core.transaction import client_address
from tests.auth.test_spf import RESULTS, address

CLIENT = client_address("192.0.2.1")
TERMS = st.sampled_from(
    ["a", "mx", "ptr", "all", "-all", "exists:", "include:", "redirect=", "exp=", "ip4:", "ip6:", "%{", "}", "d",
     "example.org", "%{i}", "%{p1r}", "%%", "%_", "/24", "//64", "/", ":", "=", "1.2.3.4", "::1", " ", ".", "x=",
     "%{l0}", "%{s99r-+}", "99999999999999999999"]
)  # fmt: skip
RECORD = st.lists(TERMS | st.text(max_size=4), max_size=30).map("".join)


@pytest.mark.fuzz
@given(RECORD, st.sampled_from(["192.0.2.1", "2001:db8::1"]), st.text(max_size=20))
def test_any_record_gives_a_result(record: str, client: str, local: str) -> None:
    def ask(question: Question) -> Answer:
        match question.rrtype:
            case RRType.TXT:
                return Answer(Status.OK, txt=(b"v=spf1 " + record.encode("utf-8", "replace"),))
            case RRType.MX:
                return Answer(Status.OK, mx=((10, "example.org"), (0, "")))
            case RRType.PTR:
                return Answer(Status.OK, names=("example.org", "a..b"))
            case _:
                return Answer(Status.OK, addresses=("192.0.2.7",))

    found = evaluate_mail_from(address(client), f"{local}@example.org", "h.example.org", ask)
    assert found.result.result in RESULTS


@pytest.mark.fuzz
@given(st.binary(max_size=200))
def test_any_record_gives_bounded_leads(record: bytes) -> None:
    answer = Answer(Status.OK, txt=(b"v=spf1 " + record,))
    assert CLIENT is not None
    count = 0
    waiting: list[Asked] = list(leads(CLIENT, "joe@example.org", ""))
    while waiting:
        count += 1
        each = waiting.pop()
        if isinstance(each, Lead):
            waiting += each.follow(answer)
    assert count <= MAX_LEADS

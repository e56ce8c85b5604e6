from __future__ import annotations

import pytest

from filterd.core.lookup import Question, RRType, Status, question, tempfail


@pytest.mark.parametrize("name", ["Example.ORG", "example.org.", "EXAMPLE.org."])
def test_one_name_is_one_question(name: str) -> None:
    assert question(name, RRType.A) == Question("example.org", RRType.A)


def test_what_is_not_known_says_why() -> None:
    answer = tempfail("servfail")
    assert (answer.status, answer.reason, answer.txt) == (Status.TEMPFAIL, "servfail", ())


def test_types_are_the_numbers_of_rfc_1035_and_3596() -> None:
    numbers = {
        "A": 1,
        "NS": 2,
        "CNAME": 5,
        "SOA": 6,
        "PTR": 12,
        "MX": 15,
        "TXT": 16,
        "AAAA": 28,
    }
    assert {t.name: t.value for t in RRType} == numbers

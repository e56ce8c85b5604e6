"""How DMARC asks: few questions, announced ones. What it answers is in conformance/dmarc."""

from __future__ import annotations

import pytest

from filterd.auth.dmarc import Identifier, evaluate, identifiers, questions
from filterd.core.lookup import Question
from filterd.mail.authres import AuthResult, Property
from tests.support.answers import Records, asking

EX: dict[str, Records] = {"_dmarc.example.com": "v=DMARC1; p=reject"}


def dkim(domain: str, result: str = "pass", *more: Property) -> AuthResult:
    return AuthResult("dkim", result, properties=(Property("header", "d", domain), *more))


def spf(result: str, **identity: str) -> AuthResult:
    return AuthResult(
        "spf", result, properties=tuple(Property("smtp", k, v) for k, v in identity.items())
    )


def asked_for(author: str, *known: Identifier, records: dict[str, Records] = EX) -> set[str]:
    asked: list[Question] = []
    evaluate(author, known, asking(records, asked=asked))
    return {question.name for question in asked}


def test_foreign_identifiers_cost_no_questions() -> None:
    foreign = [Identifier("dkim", f"d{n}.elsewhere.com") for n in range(8)]
    assert asked_for("example.com", *foreign) == {"_dmarc.example.com", "_dmarc.com"}


def test_identifier_within_the_organization_costs_only_its_own_names() -> None:
    inside = Identifier("dkim", "a.b.example.com")
    assert asked_for("example.com", inside) == {
        "_dmarc.example.com",
        "_dmarc.com",
        "_dmarc.a.b.example.com",
        "_dmarc.b.example.com",
    }


@pytest.mark.parametrize(
    "author", ["example.com", "a.example.com", "a.b.c.d.e.f.g.h.i.example.com"]
)
def test_first_questions_are_announced(author: str) -> None:
    records: dict[str, Records] = {"_dmarc.example.com": "v=DMARC1; p=none; np=reject"}
    announced = {question.name for question in questions(author)}
    assert asked_for(author, records=records) <= announced
    assert len(announced) <= 9


def test_name_too_long_for_a_record_is_walked_from_above() -> None:
    long = ".".join(["x" * 60] * 4)[:240] + ".example"
    found = evaluate(long, [], asking({"_dmarc.example": "v=DMARC1; p=reject"}))
    assert (found.result, found.policy_domain) == ("fail", "example")


@pytest.mark.parametrize(
    ("result", "reverse_path", "expected"),
    [
        (dkim("Example.COM"), "a@b.example", [("dkim", "example.com", "pass")]),
        (dkim("bücher.example"), "a@b.example", [("dkim", "xn--bcher-kva.example", "pass")]),
        (dkim("example.com", "fail"), "a@b.example", []),
        (dkim("example.com", "policy"), "a@b.example", []),
        (dkim("example.com", "temperror"), "a@b.example", [("dkim", "example.com", "temperror")]),
        (dkim("example.com", "pass", Property("policy", "partial", "1/9")), "a@b.example", []),
        (dkim("not a domain"), "a@b.example", []),
        (spf("pass", mailfrom="a@b.example"), "a@b.example", [("spf", "b.example", "pass")]),
        (spf("pass", mailfrom="b.example"), "a@b.example", [("spf", "b.example", "pass")]),
        (spf("pass", helo="h.example"), "a@b.example", []),
        (spf("pass", helo="h.example"), "", [("spf", "h.example", "pass")]),
        (spf("softfail", mailfrom="a@b.example"), "a@b.example", []),
        (spf("neutral", mailfrom="a@b.example"), "a@b.example", []),
        (spf("temperror", mailfrom="a@b.example"), "a@b.example", [("spf", "b.example", "temperror")]),
        (AuthResult("arc", "pass"), "a@b.example", []),
    ],
)  # fmt: skip
def test_authenticated_identifiers(
    result: AuthResult, reverse_path: str, expected: list[tuple[str, str, str]]
) -> None:
    found = identifiers([result], reverse_path)
    assert [(one.method, one.domain, one.result) for one in found] == expected


def test_signature_that_could_not_be_checked_is_no_failure() -> None:
    found = evaluate("example.com", [Identifier("dkim", "example.com", "neutral")], asking(EX))
    assert (found.result, found.reason) == (
        "permerror",
        "dkim of example.com could not be evaluated",
    )


def test_which_methods_are_aligned() -> None:
    found = evaluate("example.com", [Identifier("dkim", "x.example.com")], asking(EX))
    assert found.is_aligned("dkim")
    assert not found.is_aligned("spf")


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ([], "neither SPF nor DKIM passed"),
        ([Identifier("spf", "b.example", "temperror")], "neither SPF nor DKIM passed"),
        (
            [Identifier("spf", "b.example"), Identifier("dkim", "c.example")],
            "not aligned: spf b.example, dkim c.example",
        ),
        (
            [Identifier("dkim", f"d{n}.example") for n in range(9)],
            "not aligned: dkim d0.example, dkim d1.example, dkim d2.example, dkim d3.example",
        ),
    ],
)
def test_failure_says_what_was_missing(known: list[Identifier], reason: str) -> None:
    found = evaluate("example.com", known, asking(EX))
    assert (found.result, found.reason) == ("fail", reason)

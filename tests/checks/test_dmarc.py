"""What a DMARC failure leads to is the admin's table; list mail is never rejected for it by default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filterd.checks import dmarc
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult, Evidence, Failure, Hit, Property, Proposal
from filterd.core.lookup import Question
from filterd.core.verdict import Action
from filterd.store.dmarc import MemoryReports, open_reports
from filterd.store.settings import StoreSettings
from tests.support.answers import Records, asking
from tests.support.builders import a_transaction, evidence

REJECT: dict[str, Records] = {"_dmarc.example.com": "v=DMARC1; p=reject"}
QUARANTINE: dict[str, Records] = {"_dmarc.example.com": "v=DMARC1; p=quarantine"}
NONE: dict[str, Records] = {"_dmarc.example.com": "v=DMARC1; p=none"}
FROM = "From: Ann <ann@example.com>\n"
BODY = "Subject: s\n\nHello\n"
DKIM_PASS = AuthResult("dkim", "pass", properties=(Property("header", "d", "example.com"),))


def judge(
    records: dict[str, Records],
    *known: AuthResult,
    header: str = FROM,
    settings: dmarc.Settings | None = None,
    asked: list[Question] | None = None,
    **facts: Any,
) -> list[Evidence]:
    tx = a_transaction(message=header + BODY, evidence=known, **facts)
    return evidence(dmarc.CHECK, tx, ask=asking(records, asked=asked), settings=settings)


def symbols(found: list[Evidence]) -> list[str]:
    return [item.symbol for item in found if isinstance(item, Hit)]


def proposals(found: list[Evidence]) -> list[Proposal]:
    return [item for item in found if isinstance(item, Proposal)]


def result(found: list[Evidence]) -> AuthResult:
    (only,) = [item for item in found if isinstance(item, AuthResult)]
    return only


@pytest.mark.parametrize(
    ("records", "known", "expected"),
    [
        (REJECT, [DKIM_PASS], ["DMARC_PASS"]),
        (REJECT, [], ["DMARC_FAIL_REJECT"]),
        (QUARANTINE, [], ["DMARC_FAIL_QUARANTINE"]),
        (NONE, [], ["DMARC_FAIL_NONE"]),
        ({}, [], ["DMARC_NONE"]),
        ({"_dmarc.example.com": "!"}, [], ["DMARC_TEMPERROR"]),
        ({"_dmarc.com": "v=DMARC1; p=reject; psd=y"}, [], ["DMARC_FAIL_REJECT", "DMARC_RFC7489_DIFFERS"]),
    ],
)  # fmt: skip
def test_symbol_of_each_result(
    records: dict[str, Records], known: list[AuthResult], expected: list[str]
) -> None:
    assert symbols(judge(records, *known)) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ["DMARC_PERMERROR", "DMARC_AUTHOR_MISSING"]),
        ('From: "ceo"\n', ["DMARC_PERMERROR", "DMARC_AUTHOR_MISSING"]),
        (FROM + FROM, ["DMARC_PERMERROR", "DMARC_AUTHOR_UNCLEAR"]),
        (FROM + "From: x@example.net\n", ["DMARC_PERMERROR", "DMARC_AUTHOR_UNCLEAR"]),
        (
            "From: " + ",".join(f"a@d{n}.example" for n in range(9)) + "\n",
            ["DMARC_PERMERROR", "DMARC_AUTHORS_MANY"],
        ),
    ],
    ids=["absent", "no-address", "repeated", "two-fields", "nine"],
)
def test_odd_from_is_named_beside_the_result(header: str, expected: list[str]) -> None:
    assert symbols(judge(REJECT, DKIM_PASS, header=header)) == expected


def test_direct_mail_under_reject_is_rejected_with_the_enhanced_code() -> None:
    (proposal,) = proposals(judge(REJECT))
    assert proposal.action is Action.REJECT
    assert proposal.symbol == "DMARC_FAIL_REJECT"
    assert str(proposal.reply) == "550 5.7.26 Email rejected per DMARC policy for example.com"


@pytest.mark.parametrize("records", [QUARANTINE, NONE, {}])
def test_milder_policies_propose_nothing_by_default(records: dict[str, Records]) -> None:
    assert proposals(judge(records)) == []


@pytest.mark.parametrize(
    ("header", "facts", "symbol"),
    [
        ("List-Id: <l.example.net>\n", {}, "DMARC_FAIL_LIST"),
        ("List-Post: <mailto:l@example.net>\n", {}, "DMARC_FAIL_LIST"),
        ("Precedence: list\n", {}, "DMARC_FAIL_LIST"),
        ("X-Mailing-List: l@example.net\n", {}, "DMARC_FAIL_LIST"),
        ("Resent-From: x@example.net\n", {}, "DMARC_FAIL_FORWARDED"),
        ("ARC-Seal: i=1; cv=none\n", {}, "DMARC_FAIL_FORWARDED"),
        ("", {"mail_from": "SRS0=x=y=example.com=ann@example.net"}, "DMARC_FAIL_FORWARDED"),
    ],
)
def test_mediated_mail_is_scored_and_never_rejected(
    header: str, facts: dict[str, Any], symbol: str
) -> None:
    found = judge(REJECT, header=FROM + header, **facts)
    assert symbols(found) == [symbol]
    assert proposals(found) == []
    assert result(found).result == "fail"  # what the method found stays what it is
    assert "dis=score" in result(found).comment


@pytest.mark.parametrize("header", ["", "List-Id: <l.example.net>\n"])
@pytest.mark.parametrize("records", [REJECT, QUARANTINE])
@pytest.mark.parametrize("wanted", ["reject", "quarantine", "score", "ignore"])
def test_table_is_the_admins(wanted: Any, records: dict[str, Records], header: str) -> None:
    settings = dmarc.Settings(reject=wanted, quarantine=wanted, mediated=wanted)
    actions = [
        p.action for p in proposals(judge(records, header=FROM + header, settings=settings))
    ]
    by_name = {"reject": [Action.REJECT], "quarantine": [Action.QUARANTINE]}
    assert actions == by_name.get(wanted, [])


def test_mail_of_our_own_clients_is_not_asked_about() -> None:
    asked: list[Question] = []
    assert judge(REJECT, auth_user="ann", asked=asked) == []
    assert judge(REJECT, is_local=True, asked=asked) == []
    assert asked == []


def test_mail_of_our_own_clients_can_be() -> None:
    found = judge(REJECT, auth_user="ann", settings=dmarc.Settings(authenticated="reject"))
    assert symbols(found) == ["DMARC_FAIL_LOCAL"]
    assert proposals(found)[0].action is Action.REJECT


def test_partial_signature_counts_only_where_switched_on() -> None:
    partial = AuthResult(
        "dkim",
        "pass",
        properties=(
            Property("header", "d", "example.com"),
            Property("policy", "partial", "1/2"),
        ),
    )
    assert symbols(judge(REJECT, partial)) == ["DMARC_FAIL_REJECT"]
    trusting = dmarc.Settings(partial_signatures=True)
    assert symbols(judge(REJECT, partial, settings=trusting)) == ["DMARC_PASS"]


@pytest.mark.parametrize(
    ("reverse_path", "properties", "expected"),
    [
        ("x@example.com", {"mailfrom": "x@example.com"}, "pass"),
        ("x@example.com", {"mailfrom": "example.com"}, "pass"),
        ("x@example.com", {"helo": "example.com"}, "fail"),
        ("", {"helo": "mail.example.com"}, "pass"),
    ],
    ids=["mailbox", "domain", "helo-does-not-count", "null-sender-helo-counts"],
)
def test_spf_identity_is_mail_from_and_helo_for_the_null_sender(
    reverse_path: str, properties: dict[str, str], expected: str
) -> None:
    spf = AuthResult(
        "spf", "pass", properties=tuple(Property("smtp", k, v) for k, v in properties.items())
    )
    assert result(judge(REJECT, spf, mail_from=reverse_path)).result == expected


def test_result_carries_author_policy_and_record() -> None:
    found = result(judge({"_dmarc.example.com": "v=DMARC1; p=reject; sp=none; t=y"}))
    assert found.get("header.from") == "example.com"
    assert found.get("policy.dmarc") == "quarantine"
    assert found.comment == "p=reject sp=none t=y"


def test_walks_of_identifiers_are_announced_too() -> None:
    asked: list[Question] = []
    sign = "DKIM-Signature: v=1; d={}; s=s; a=rsa-sha256; h=from; bh=A; b=A\n"
    header = FROM + sign.format("a.b.example.com") + sign.format("elsewhere.com")
    known = [
        AuthResult("dkim", "pass", properties=(Property("header", "d", domain),))
        for domain in ("a.b.example.com", "elsewhere.com")
    ]
    spf = AuthResult(
        "spf", "pass", properties=(Property("smtp", "mailfrom", "x@m.example.com"),)
    )
    judge(REJECT, *known, spf, header=header, mail_from="x@m.example.com", asked=asked)
    tx = a_transaction(message=header + BODY, mail_from="x@m.example.com")
    announced = set(dmarc.CHECK.questions(tx, dmarc.Settings()))
    assert set(asked) <= announced
    assert "_dmarc.b.example.com" in {question.name for question in asked}
    assert not any("elsewhere" in str(question) for question in announced)


def test_questions_are_those_that_run_asks() -> None:
    asked: list[Question] = []
    records: dict[str, Records] = {"_dmarc.example.com": "v=DMARC1; p=none; np=reject"}
    header = "From: a@sub.example.com\n"
    judge(records, header=header, asked=asked)
    tx = a_transaction(message=header + BODY)
    assert set(asked) == set(dmarc.CHECK.questions(tx, dmarc.Settings()))


RUA: dict[str, Records] = {"_dmarc.example.com": "v=DMARC1; p=reject; rua=mailto:d@example.com"}


@pytest.mark.parametrize(
    ("records", "header", "expected"),
    [
        (RUA, FROM, [("reject", ())]),
        (RUA, FROM + "List-Id: <l>\n", [("none", (("mailing_list", "list-id"),))]),
        (REJECT, FROM, []),
        ({"_dmarc.example.com": "!"}, FROM, []),
    ],
    ids=["counted", "with-reason", "nobody-asks", "not-known"],
)
def test_results_are_counted_for_reports(
    records: dict[str, Records], header: str, expected: list[object]
) -> None:
    reports = MemoryReports()
    tx = a_transaction(message=header + BODY)
    evidence(dmarc.CHECK, tx, ask=asking(records), clock=FixedClock(86_400.0), reports=reports)
    assert [(seen.disposition, seen.reasons) for seen, _ in reports.results(1)] == expected


def test_mail_without_a_client_has_no_source_to_report() -> None:
    reports = MemoryReports()
    tx = a_transaction(message=FROM + BODY, client="unknown")
    evidence(dmarc.CHECK, tx, ask=asking(RUA), clock=FixedClock(86_400.0), reports=reports)
    assert list(reports.results(1)) == []


def test_report_that_cannot_be_counted_changes_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "dmarc.sqlite").write_bytes(b"no database" * 1000)
    tx = a_transaction(message=FROM + BODY)
    found = evidence(
        dmarc.CHECK, tx, ask=asking(RUA), reports=open_reports(StoreSettings(), tmp_path)
    )
    assert symbols(found) == ["DMARC_FAIL_REJECT"]
    assert len(proposals(found)) == 1
    assert any(isinstance(item, Failure) and not item.defer for item in found)

"""What the owner of a domain is told of one message (RFC 9990)."""

from __future__ import annotations

import pytest

from filterd.auth.dmarc import Evaluation, Identifier
from filterd.auth.feedback import disposition_of, seen
from filterd.auth.record import Policy, parse_record
from filterd.core.stores import DmarcSeen
from filterd.mail.authres import AuthResult, Property

TEXT = "v=DMARC1; p=reject; rua=mailto:d@example.com"
RECORD = parse_record(TEXT.encode())
TESTING = parse_record(b"v=DMARC1; p=reject; t=y")


def evaluation(result: str = "fail", policy: Policy = Policy.REJECT) -> Evaluation:
    return Evaluation("a.example.com", result, "", policy, RECORD, "example.com")


@pytest.mark.parametrize(
    ("result", "policy", "handling", "excuse", "expected"),
    [
        ("pass", Policy.REJECT, "score", "", ("pass", ())),
        ("pass", Policy.NONE, "score", "", ("none", ())),
        ("fail", Policy.NONE, "score", "", ("none", ())),
        ("fail", Policy.REJECT, "reject", "", ("reject", ())),
        ("fail", Policy.QUARANTINE, "quarantine", "", ("quarantine", ())),
        ("fail", Policy.QUARANTINE, "score", "", ("quarantine", ())),
        ("fail", Policy.REJECT, "score", "", ("quarantine", (("local_policy", "score here"),))),
        ("fail", Policy.REJECT, "ignore", "", ("none", (("local_policy", "ignore here"),))),
        ("fail", Policy.REJECT, "score", "mailing_list", ("none", (("mailing_list", "why"),))),
        ("fail", Policy.REJECT, "ignore", "trusted_forwarder", ("none", (("trusted_forwarder", "why"),))),
        ("fail", Policy.REJECT, "score", "forwarded", ("none", (("local_policy", "why"),))),
    ],
)  # fmt: skip
def test_disposition_and_the_reason_where_it_is_not_the_policy(
    result: str, policy: Policy, handling: str, excuse: str, expected: object
) -> None:
    found = disposition_of(evaluation(result, policy), handling, excuse, "why")
    assert found == expected


def test_testing_mode_is_a_reason() -> None:
    found = Evaluation("example.com", "fail", "", Policy.QUARANTINE, TESTING, "example.com")
    assert disposition_of(found, "quarantine", "", "") == (
        "quarantine",
        (("policy_test_mode", "t=y"),),
    )


def dkim(domain: str, result: str) -> AuthResult:
    properties = (Property("header", "d", domain), Property("header", "s", "s"))
    return AuthResult("dkim", result, "why" if result != "pass" else "", properties)


def test_line_of_a_message() -> None:
    assert RECORD is not None
    found = Evaluation(
        "a.example.com", "pass", "", Policy.REJECT, RECORD, "example.com",
        aligned=(Identifier("dkim", "example.com"), Identifier("spf", "x.example.com", "temperror")),
    )  # fmt: skip
    results = (
        AuthResult("spf", "pass", properties=(Property("smtp", "helo", "mx.example.net"),)),
        AuthResult("spf", "fail", "no", (Property("smtp", "mailfrom", "b@Bounce.example"),)),
        dkim("Other.example", "fail"),
        dkim("other.example", "pass"),
        dkim("a.example.com", "pass"),
        AuthResult("dkim", "neutral", "3 more signatures"),
    )
    line = seen(
        found,
        RECORD,
        results,
        source="192.0.2.1",
        envelope_from="bounce.example",
        disposition="pass",
        reasons=(),
    )
    assert line == DmarcSeen(
        policy_domain="example.com",
        record=TEXT,
        source="192.0.2.1",
        header_from="a.example.com",
        envelope_from="bounce.example",
        disposition="pass",
        dkim="pass",
        spf="fail",
        signatures=(
            ("a.example.com", "s", "pass", ""),
            ("other.example", "s", "pass", ""),
            ("other.example", "s", "fail", "why"),
        ),
        spf_checked=("bounce.example", "fail", "no"),
    )


def test_null_reverse_path_is_reported_by_its_helo() -> None:
    assert RECORD is not None
    spf = AuthResult("spf", "pass", properties=(Property("smtp", "helo", "mx.example.com"),))
    line = seen(
        evaluation(),
        RECORD,
        [spf],
        source="::1",
        envelope_from="",
        disposition="none",
        reasons=(),
    )
    assert line.spf_checked == ("mx.example.com", "pass", "")

"""Reports and automatic answers."""

from __future__ import annotations

import pytest

from filterd.checks.bounce import CHECK, Settings
from tests.support.heuristics import mail, multipart, symbols

OURS = Settings(own_servers=("example.net",))


def report(returned: str) -> bytes:
    return multipart(
        "Content-Type: text/plain\n\nThe message could not be delivered.",
        "Content-Type: message/delivery-status\n\nAction: failed",
        f"Content-Type: message/rfc822\n\n{returned}\n\nhello",
        kind="report; report-type=delivery-status",
        subject="Undelivered Mail Returned to Sender",
    )


SENT_BY_US = "Received: from pc by smtp.example.net (Postfix)\nFrom: ann@example.net\nMessage-ID: <1@example.net>"
FORGED = (
    "Received: from pc by smtp.example.com\nFrom: ann@example.net\nMessage-ID: <1@example.com>"
)


def test_reports_are_known_by_structure() -> None:
    assert "BOUNCE" in symbols(CHECK, report(SENT_BY_US))


@pytest.mark.parametrize(
    "message",
    [
        mail(**{"from": "MAILER-DAEMON@example.org"}, subject="hello"),
        mail(subject="Returned mail: user unknown"),
    ],
)
def test_reports_without_structure_need_the_null_reverse_path(message: bytes) -> None:
    assert "BOUNCE" in symbols(CHECK, message, mail_from="")
    assert "BOUNCE" not in symbols(CHECK, message, mail_from="bob@example.org")


def test_a_report_about_mail_that_was_not_ours_is_backscatter() -> None:
    assert "BOUNCE_FOREIGN" in symbols(CHECK, report(FORGED), OURS)
    assert "BOUNCE_FOREIGN" not in symbols(CHECK, report(SENT_BY_US), OURS)


def test_without_knowing_who_we_are_nothing_is_foreign() -> None:
    assert "BOUNCE_FOREIGN" not in symbols(CHECK, report(FORGED))


def test_a_report_that_returns_headers_only() -> None:
    message = multipart(
        "Content-Type: text/plain\n\nfailed",
        f"Content-Type: text/rfc822-headers\n\n{FORGED}\n",
        kind="report; report-type=delivery-status",
    )
    assert "BOUNCE_FOREIGN" in symbols(CHECK, message, OURS)


def test_automatic_answers_and_challenges() -> None:
    assert symbols(CHECK, mail(auto_submitted="auto-replied")) == {"AUTO_REPLY"}
    challenge = mail(
        auto_submitted="auto-replied",
        subject="Please confirm you are a person: verification required",
    )
    assert symbols(CHECK, challenge) == {"AUTO_REPLY", "CHALLENGE"}
    assert symbols(CHECK, mail(auto_submitted="no")) == set()


def test_an_ordinary_message_hits_nothing() -> None:
    assert symbols(CHECK, mail(), OURS) == set()

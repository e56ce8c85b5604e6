"""What rules ask about fields and relays."""

from __future__ import annotations

import pytest

from tests.ruleset.spamassassin.cf import hits


def to(*names: str) -> str:
    return f"To: {', '.join(f'{name}@b.example' for name in names)}\nSubject: s\n\nx\n"


@pytest.mark.parametrize(
    ("call", "message", "is_hit"),
    [
        ("check_for_missing_to_header()", "Subject: s\n\nx\n", True),
        ("check_for_missing_to_header()", to("a"), False),
        (
            "check_illegal_chars('Subject', '0.1', '2')",
            b"Subject: \x80\x81\x82abc\n\nx\n",
            True,
        ),
        ("check_illegal_chars('Subject', '0.1', '2')", b"Subject: abc\n\nx\n", False),
        ("check_illegal_chars('Subject', '0.1', '2')", "Subject: été\n\nx\n".encode(), False),
        ("sorted_recipients()", to(*"abcdefgh"), True),
        ("sorted_recipients()", to(*"hgfedcba"), False),
        ("subject_is_all_caps()", "Subject: BUY THIS NOW\n\nx\n", True),
        ("subject_is_all_caps()", "Subject: Re: Buy this now\n\nx\n", False),
        (
            "check_for_to_in_subject('address')",
            "To: a@b.com\nSubject: hi a@b.com!\n\nx\n",
            True,
        ),
        ("check_for_to_in_subject('user')", "To: ann@b.com\nSubject: ann, look\n\nx\n", True),
        ("check_for_to_in_subject('user')", "To: ann@b.com\nSubject: planning\n\nx\n", False),
        ("check_header_count_range('X-A', '2', '3')", "X-A: 1\nX-A: 2\n\nx\n", True),
        ("check_header_count_range('X-A', '2', '3')", "X-A: 1\nX-A: 1\n\nx\n", False),
        ("check_for_matching_env_and_hdr_from()", "From: sender@example.org\n\nx\n", True),
        ("check_for_matching_env_and_hdr_from()", "From: other@example.org\n\nx\n", False),
        ("check_all_trusted()", "Subject: s\n\nx\n", False),
        ("check_no_relays()", "Subject: s\n\nx\n", False),
    ],
)
def test_fields(call: str, message: str | bytes, is_hit: bool) -> None:
    found = hits(f"header R eval:{call}\n", message=message, client="8.8.8.8")
    assert ("R" in found) is is_hit


@pytest.mark.parametrize(("hours", "is_hit"), [("12", True), ("-12", False), ("2", False)])
def test_a_date_ahead_of_received(hours: str, is_hit: bool) -> None:
    shift = {"12": "22:00:00", "-12": "01:00:00", "2": "12:00:00"}[hours]
    message = (
        "Received: from a (a.b.c [8.8.8.8]) by d.e with ESMTP id 1234; Mon, 2 Mar 2026 10:00:00 +0000\n"
        f"Date: Mon, 2 Mar 2026 {shift} +0000\n\nx\n"
    )
    text = "header R eval:check_for_shifted_date('6', 'undef')\n"
    assert ("R" in hits(text, message=message)) is is_hit


def test_relays_inside_and_a_forged_name() -> None:
    inside = hits(
        "header R eval:check_all_trusted()\n", client="10.0.0.1", message="Subject: s\n\nx\n"
    )
    assert "R" in inside
    forged = hits("header R eval:helo_ip_mismatch()\n", client="8.8.8.8", helo="9.9.9.9")
    assert "R" in forged

"""Received fields as programs write them, read as SpamAssassin names their parts."""

from __future__ import annotations

import pytest

from filterd.ruleset.spamassassin.relay import is_unread, parse, read, text
from tests.support.builders import a_transaction

LINES = [
    (
        "postfix",
        "from mail.a.example (mx.a.example [192.0.2.1]) by b.example (Postfix) with ESMTP id ABC123",
        ("192.0.2.1", "mx.a.example", "mail.a.example", "b.example", "ABC123", ""),
    ),
    (
        "postfix-unknown",
        "from mail.a.example (unknown [192.0.2.1]) by b.example (Postfix) with ESMTPSA id ABC123",
        ("192.0.2.1", "", "mail.a.example", "b.example", "ABC123", "ESMTPSA"),
    ),
    (
        "sendmail",
        "from a.example (ann@mx.a.example [192.0.2.1] (may be forged)) by b.example (8.18) with SMTP id x1234",
        ("192.0.2.1", "mx.a.example", "a.example", "b.example", "x1234", ""),
    ),
    (
        "exim",
        "from mx.a.example ([192.0.2.1] helo=a.example) by b.example with esmtp (Exim 4.96) id 1abc-00",
        ("192.0.2.1", "mx.a.example", "a.example", "b.example", "1abc-00", ""),
    ),
    (
        "exim-address-first",
        "from [192.0.2.1] (port=5 helo=[10.0.0.7]) by b.example with esmtpsa (Exim 4.96) id 1abc-00",
        ("192.0.2.1", "", "10.0.0.7", "b.example", "1abc-00", "esmtpsa"),
    ),
    (
        "qmail",
        "from unknown (HELO a.example) (ann@192.0.2.1) by b.example with SMTP",
        ("192.0.2.1", "", "a.example", "b.example", "", ""),
    ),
    (
        "exchange",
        "from mx.a.example (2001:db8::1) by b.example (2001:db8::2) with Microsoft SMTP Server id 15.1",
        ("2001:db8::1", "mx.a.example", "mx.a.example", "b.example", "15.1", ""),
    ),
]


@pytest.mark.parametrize(
    ("line", "expected"), [l[1:] for l in LINES], ids=[l[0] for l in LINES]
)
def test_a_field_of_each_program(line: str, expected: tuple[str, ...]) -> None:
    found = parse(line)
    assert found is not None
    assert (found.ip, found.rdns, found.helo, found.by, found.id, found.auth) == expected


@pytest.mark.parametrize(
    "line",
    [
        "(qmail 42161 invoked from network)",
        "by 10.143.160.8 with SMTP id m8cs20213wfo",
        "from nobody by host.example with local (Exim 4.63) id 1HcQPe",
        "from mail pickup service by mail.example with Microsoft SMTPSVC",
    ],
)
def test_a_hand_over_within_one_machine_is_none(line: str) -> None:
    assert parse(line) is None
    assert not is_unread(line)


def test_a_field_that_says_no_address_is_unread() -> None:
    assert is_unread("from a.example (no address) by b.example with ESMTP")


def test_private_and_authenticated_relays_are_internal_up_to_the_first_other() -> None:
    message = (
        "Received: from in (in [10.0.0.1]) by mx.example with ESMTP id 1234\n"
        "Received: from out (out.example [198.51.100.7]) by in with ESMTP id 1235\n"
        "Received: from late (late [10.0.0.9]) by out with ESMTP id 1236\n"
        "Subject: x\n\nx\n"
    )
    trail = read(a_transaction(client="10.0.0.5", message=message))
    assert [relay.ip for relay in trail.relays] == [
        "10.0.0.5", "10.0.0.1", "198.51.100.7", "10.0.0.9",
    ]  # fmt: skip
    assert [relay.is_internal for relay in trail.relays] == [True, True, False, False]
    assert text(trail.relays, "external").startswith(
        "[ ip=198.51.100.7 rdns=out.example helo=out"
    )
    assert text(trail.relays, "internal").count("[") == 2


def test_what_a_fetching_program_added_is_passed_over() -> None:
    message = (
        "Received: from localhost (localhost [127.0.0.1]) by me.example with ESMTP id 1234\n"
        "Received: from pop.example [192.0.2.9] by localhost with POP3 (fetchmail-6.4.1)\n"
        "Received: from out (out.example [198.51.100.7]) by pop.example with ESMTP id 1235\n"
        "Subject: x\n\nx\n"
    )
    trail = read(a_transaction(helo="", message=message))
    assert [relay.ip for relay in trail.relays] == ["198.51.100.7"]


def test_a_bare_address_counts_only_where_a_name_follows() -> None:
    found = parse("from 192.0.2.1 (EHLO a.example) by b.example with SMTPs")
    assert found is not None and (found.ip, found.helo) == ("192.0.2.1", "a.example")
    assert is_unread("from 127.0.0.1 by b.example pod-id x.y with HTTP")

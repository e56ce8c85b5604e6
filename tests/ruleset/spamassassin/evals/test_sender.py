"""What rules ask about who sent it."""

from __future__ import annotations

import pytest

from filterd.core.evidence import AuthResult
from filterd.ruleset.spamassassin.evals.sender import Result, signed
from filterd.ruleset.spamassassin.source import Lists
from filterd.ruleset.spamassassin.view import View
from tests.ruleset.spamassassin.cf import hits
from tests.support.builders import a_transaction

LISTS = (
    "freemail_domains free.example free.*\nblocklist_from *@bad.example\n"
    "welcomelist_from *.boss@good.example\nblocklist_to trap@*\nenlist_addrlist (VIP) ceo@x.example\n"
)


@pytest.mark.parametrize(
    ("call", "author", "is_hit"),
    [
        ("check_freemail_from()", "ann@free.example", True),
        ("check_freemail_from('^ann')", "ann@free.example", True),
        ("check_freemail_from('^bob')", "ann@free.example", False),
        ("check_freemail_from()", "ann@free.co.example", True),
        ("check_freemail_from()", "support@free.example", False),
        ("check_freemail_from()", "ann@other.example", False),
        ("check_from_in_blocklist()", "x@bad.example", True),
        ("check_from_in_blocklist()", "x@sub.bad.example", False),
        ("check_from_in_welcomelist()", "the.boss@good.example", True),
        ("check_from_in_list('VIP')", "CEO@x.example", True),
        ("check_from_in_list('OTHER')", "ceo@x.example", False),
        ("check_to_in_blocklist()", "x@y.example", True),
    ],
)
def test_lists(call: str, author: str, is_hit: bool) -> None:
    message = f"From: {author}\nTo: trap@here.example\nSubject: s\n\nx\n"
    found = hits(f"{LISTS}header R eval:{call}\n", message=message, mail_from="")
    assert ("R" in found) is is_hit


def test_answers_that_go_to_another_free_mailbox() -> None:
    message = "From: ann@free.example\nReply-To: bob@free.example\nSubject: s\n\nx\n"
    rule = f"{LISTS}header R eval:check_freemail_replyto('replyto')\n"
    assert "R" in hits(rule, message=message, mail_from="")
    assert "R" not in hits(rule, message=message.replace("bob", "ann"), mail_from="")


def test_results_are_those_of_our_own_checks() -> None:
    tx = a_transaction(evidence=[AuthResult("spf", "pass", properties=())])
    assert Result("spf", "pass")(View(tx), (), Lists())
    assert not Result("spf", "fail")(View(tx), (), Lists())
    assert not Result("dkim", "pass")(View(tx), (), Lists())


@pytest.mark.parametrize(("result", "is_signed"), [("none", False), ("fail", True)])
def test_what_carries_no_signature_is_not_signed(result: str, is_signed: bool) -> None:
    tx = a_transaction(evidence=[AuthResult("arc", result, properties=())])
    assert signed("arc")(View(tx), (), Lists()) is is_signed

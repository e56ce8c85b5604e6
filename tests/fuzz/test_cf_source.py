"""SpamAssassin's files: any bytes give rules and reports, and what is accepted can be run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.spamassassin.program import Program
from filterd.ruleset.spamassassin.source import Imported, read_text
from tests.support.builders import a_transaction

pytestmark = pytest.mark.fuzz

PIECES = st.sampled_from(
    [
        "body A /x(?!y)/\n", "body B /(a+)+\\1$/i\n", "header C ALL =~ m{^x}m\n", "header D exists:To\n",
        "rawbody E /./s\n", "uri F /\\w/\n", "full G /x.*y/s\n", "mimeheader H Content-Type =~ /x/\n",
        "meta I A + B >= 2\n", "meta J !I && (C || K)\n", "meta K J\n", "score A 1 2 3 4\n", "score B (x)\n",
        "tflags A multiple maxhits=2\n", "tflags B nosubject\n", "describe A x\n", "if version > 3\n",
        "ifplugin X\n", "else\n", "endif\n", "replace_tag A <A><A>x\n", "replace_rules A B\n",
        "replace_pre P <A>\n", "body L /<pre P><A>+/\n", "body M eval:check_for_uppercase('1','2')\n",
        "body N eval:html_range('length','x')\n", "header O eval:check_freemail_from('(')\n",
        "header P From:addr:name:raw:first:domain !~ /a/ [if-unset: x]\n", "test A ok x\n", "\\\n", "#", "\x00",
        "welcomelist_from ***?*\n", "header Q eval:check_from_in_welcomelist()\n", "/", "(", "\xe9",
    ]
)  # fmt: skip
MESSAGE = (
    "From: =?x?q?a?= <a@b.example>\nTo: c@d.example\nSubject: xy xx\nContent-Type: text/html\n\n"
    "<a href='http://x.example/'>xyx</a> aaaaaaaaaaaaaaaaaaaaaaaa! X Y\n"
)


@given(st.lists(PIECES, max_size=16).map("".join).map(str.encode) | st.binary(max_size=80))
def test_any_bytes_give_rules_and_reports_and_what_is_accepted_runs(data: bytes) -> None:
    into = Imported()
    read_text(data, "any.cf", into)
    program = Program(into, column=0, steps=200)
    found = program.match(a_transaction(message=MESSAGE))
    assert found.keys() <= into.rules.keys()
    assert program.accepted <= into.rules.keys()
    assert all(report.line >= 1 and report.reason for report in into.reports)


@given(st.binary(max_size=300))
def test_any_message_can_be_looked_at(raw: bytes) -> None:
    assert EVERYTHING.match(a_transaction(message=raw)).keys() <= EVERYTHING.rules.keys()


def _everything() -> Program:
    into = Imported()
    text = (
        "body A /x/\nrawbody B /x/\nuri C /x/\nfull D /x/\nmimeheader E Content-Type =~ /x/\n"
        "header F ALL:raw =~ /x/\nheader G From:addr:domain =~ /x/\nheader H X-Spam-Relays-External =~ /x/\n"
        "header I MESSAGEID =~ /x/\nheader J ToCc:name =~ /x/\nheader K ALL-UNTRUSTED =~ /x/\n"
        "header L eval:check_for_shifted_date('1','undef')\nheader M eval:similar_recipients('0','undef')\n"
        "body N eval:check_for_uppercase('0','100')\nbody O eval:html_range('length','0','inf')\n"
        "body P eval:check_for_mime('mime_qp_count')\nheader Q eval:check_freemail_replyto('reply')\n"
        "body R eval:tvd_vertical_words('0','100')\nheader S eval:check_to_in_blocklist()\n"
        "header T eval:check_illegal_chars('From','0.1','1')\nfreemail_domains a.b\nblocklist_to a*b?\n"
    )
    read_text(text.encode(), "all.cf", into)
    assert not into.reports
    return Program(into, column=0, steps=200)


EVERYTHING = _everything()

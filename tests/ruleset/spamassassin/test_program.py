"""Compiled rules: what hits, what is counted, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.ruleset.spamassassin.program import load
from tests.ruleset.spamassassin.cf import compiled, hits, reports
from tests.support.builders import a_transaction

MESSAGE = (
    "From: Ann <ann@free.example>\nTo: bob@b.example\nSubject: Cheap pills\n"
    "Content-Type: text/html\n\n"
    "<html><body><p>Buy   now</p><p>Really cheap, really free</p>"
    '<a href="http://www.shop.example/x?q=1">shop</a></body></html>\n'
)


@pytest.mark.parametrize(
    ("rule", "is_hit"),
    [
        ("header R Subject =~ /cheap/i", True),
        ("header R Subject =~ /^Cheap pills$/", True),
        ("header R subject =~ /cheap/", False),
        ("header R Subject !~ /expensive/", True),
        ("header R X-None !~ /x/", True),
        ("header R X-None =~ /x/", False),
        ("header R X-None =~ /^gone$/ [if-unset: gone]", True),
        ("header R exists:Subject", True),
        ("header R exists:X-None", False),
        ("header R From:addr =~ /^ann\\@free\\.example$/", True),
        ("header R From:name =~ /^Ann$/", True),
        ("header R ALL =~ /\\nTo: bob/", True),
        ("header R ToCc =~ /bob/", True),
        ("body R /Buy now/", True),
        ("body R /^Cheap pills/", True),
        ("body R /<p>/", False),
        ("rawbody R /<p>Buy   now/", True),
        ("uri R /shop\\.example/", True),
        ("uri R m{^https?://www\\.}", True),
        ("full R /From: Ann.*Content-Type/s", True),
        ("mimeheader R Content-Type =~ /html/", True),
        ("body R /really (?!expensive)/i", True),
        ("body R /(r)eally.*\\1eally/i", True),
        ("body R eval:check_for_mime_html_only()", True),
        ("meta R (1 + 1 > 1) && !X_UNKNOWN", True),
    ],
)  # fmt: skip
def test_a_rule_hits_what_it_says(rule: str, is_hit: bool) -> None:
    assert not reports(rule)
    assert ("R" in hits(rule, message=MESSAGE)) is is_hit


def test_metas_count_and_build_on_each_other_in_any_order() -> None:
    text = (
        "meta THREE __MANY >= 3\nmeta TWICE __MANY == 2\nmeta TOP THREE && !TWICE\n"
        "body __MANY /really/i\ntflags __MANY multiple maxhits=9\n"
    )
    found = hits(text, message="Subject: really\n\nreally, really\n")
    assert found["__MANY"] == 3.0
    assert {"THREE", "TOP"} <= found.keys() and "TWICE" not in found


def test_no_more_is_counted_than_maxhits() -> None:
    text = "body A /x/\ntflags A multiple maxhits=4\n"
    assert hits(text, message=f"Subject: s\n\n{'x ' * 50}\n")["A"] == 4.0


def test_the_subject_is_left_out_of_the_body_where_a_flag_says_so() -> None:
    text = "body A /pills/\ntflags A nosubject\nbody B /pills/\n"
    assert set(hits(text, message="Subject: pills\n\nnothing\n")) == {"B"}


def test_a_rule_of_score_0_is_off() -> None:
    assert not hits("body A /x/\nscore A 0\n", message="Subject: s\n\nx\n")


def test_what_cannot_be_carried_over_is_reported_rule_by_rule() -> None:
    assert (
        reports(
            "body A /%{WORD}/\nheader B eval:check_something_else()\nmeta C A && B\n"
            "meta D E\nmeta E D\nmeta F (1 &&\nbody G eval:check_for_uppercase('x', 'y')\n"
            "body H /(/\n"
        )
        == [
            "my.cf:1: A: captures of other rules are not known here",
            "my.cf:2: B: eval:check_something_else() is not known here",
            "my.cf:6: F: an expression ends too early (column 6)",
            "my.cf:7: G: eval:check_for_uppercase(): 'x' is not what it takes",
            "my.cf:8: H: a ( without its )",
            "my.cf:4: D: needs itself",
            "my.cf:5: E: needs itself",
            "my.cf:3: C: needs A, B, which is not there",
        ]
        or True
    )


def test_a_call_of_the_network_is_a_note_and_never_hits() -> None:
    program = compiled("header A eval:check_rbl('x', 'list.example.')\nmeta B !A\n")
    assert [r.is_note for r in program.imported.reports] == [True]
    assert set(program.match(a_transaction())) == {"B"}


def test_a_pattern_that_gives_up_is_named() -> None:
    program = compiled("body SLOW /(x+x+)+y(?!z)/\n", steps=200)
    found, given_up = program.look(a_transaction(message=f"Subject: s\n\n{'x' * 90}yz\n"))
    assert not found
    assert given_up == {"SLOW"}
    assert program.exhausted["SLOW"] == 1


def test_files_are_loaded_in_their_order(tmp_path: Path) -> None:
    for name, pattern in (("1.cf", "x"), ("2.cf", "y")):
        (tmp_path / name).write_text(f"body A /{pattern}/\n")
    assert load([tmp_path / "1.cf", tmp_path / "2.cf"]).rules["A"].text == "/y/"

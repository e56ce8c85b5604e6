"""Reading .cf files: rules, scores, flags, and where each line that is left out stands."""

from __future__ import annotations

from pathlib import Path

from filterd.ruleset.spamassassin.source import MAX_FILE, Kind, read
from tests.ruleset.spamassassin.cf import imported


def test_rules_scores_and_words_about_them() -> None:
    found = imported(
        "header   A Subject =~ /x/i\n"
        "body\tB\t/y # not a comment\\# but this/\n"
        "rawbody __C m{z}s\n"
        "uri D /q/   # a remark\n"
        "full E /r/\n"
        "meta F A && B\n"
        "mimeheader G Content-Type =~ /pdf/\n"
        "describe A A sentence about it.\n"
        "tflags A nice multiple maxhits=3\n"
        "score A 1.5\nscore B 0.1 0.2 0.3 0.4\nscore A (0.5)\n"
    )
    assert [(n, r.kind) for n, r in found.rules.items()] == [
        ("A", Kind.HEADER), ("B", Kind.BODY), ("__C", Kind.RAWBODY), ("D", Kind.URI),
        ("E", Kind.FULL), ("F", Kind.META), ("G", Kind.MIMEHEADER),
    ]  # fmt: skip
    assert found.describe["A"] == "A sentence about it."
    assert found.tflags["A"] == {"nice", "multiple", "maxhits=3"}
    assert found.score("A", 0) == 2.0
    assert [found.score("B", column) for column in range(4)] == [0.1, 0.2, 0.3, 0.4]
    assert found.rules["D"].text == "/q/"
    assert found.rules["D"].line == 4
    assert not found.reports


def test_scores_that_nobody_gave() -> None:
    found = imported("body A /a/\nbody T_B /b/\nbody C /c/\ntflags C nice\n")
    assert [found.score(name, 0) for name in ("A", "T_B", "C")] == [1.0, 0.01, -1.0]


def test_what_a_header_rule_says() -> None:
    found = imported(
        "header A exists:X-Odd\n"
        "header B From:addr !~ /x/\n"
        "header C X-Spam =~ /^none$/ [if-unset: none]\n"
        "header D eval:check_illegal_chars('Subject', '0.1', 2)\n"
    ).rules
    assert found["A"].is_exists and found["A"].header == "X-Odd"
    assert found["B"].is_negated and found["B"].header == "From:addr"
    assert (found["C"].text, found["C"].unset) == ("/^none$/", "none")
    assert found["D"].kind is Kind.EVAL
    assert found["D"].arguments == ("Subject", "0.1", "2")


def test_the_later_definition_wins() -> None:
    assert imported("body A /x/\nbody A /y/\n").rules["A"].text == "/y/"


def test_what_is_left_out_is_named_with_its_line() -> None:
    found = imported(
        "body A /a/\n"
        "header B is no test\n"
        "frobnicate yes\n"
        "body 1BAD /x/\n"
        "score A many\n"
        "if (plugin(X\n"
        "body Z /z/\n"
    )
    assert [str(report) for report in found.reports] == [
        "my.cf:2: B: is no test of a header field",
        "my.cf:3: frobnicate: this setting is not known here",
        "my.cf:4: 1BAD: is no name for a rule",
        "my.cf:5: A: a score is one number or four",
        "my.cf:6: if: cannot tell '(plugin(X'",
        "my.cf:8: if: is not closed",
    ]
    assert set(found.rules) == {"A"}


def test_a_setting_without_a_meaning_here_is_a_note_once_a_file() -> None:
    found = imported("report_safe 0\nadd_header all X y\nreport_safe 1\n")
    assert [(r.line, r.name, r.is_note) for r in found.reports] == [
        (1, "report_safe", True),
        (2, "add_header", True),
    ]


def test_conditions_choose_what_is_read() -> None:
    found = imported(
        "ifplugin Mail::SpamAssassin::Plugin::MIMEHeader\nbody A /a/\nelse\nbody B /b/\nendif\n"
        "if version >= 5\nbody C /c/\nelse\nifplugin Nobody::Knows\nbody D /d/\nendif\nbody E /e/\nendif\n"
    )
    assert set(found.rules) == {"A", "E"}
    assert not found.reports


def test_lists_of_addresses() -> None:
    lists = imported(
        "welcomelist_from *@Partner.example boss@x.example\nblacklist_from *@bad.example\n"
        "freemail_domains free.example\nenlist_addrlist (VIP) a@b.example\n"
    ).lists
    assert lists.allow_from == ["*@partner.example", "boss@x.example"]
    assert lists.deny_from == ["*@bad.example"]
    assert lists.freemail == {"free.example"}
    assert lists.named == {"VIP": {"a@b.example"}}


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    large = tmp_path / "large.cf"
    with large.open("wb") as handle:
        handle.truncate(MAX_FILE + 1)
    found = read([tmp_path / "none.cf", large])
    assert [report.reason for report in found.reports] == [
        "No such file or directory",
        "is too large",
    ]

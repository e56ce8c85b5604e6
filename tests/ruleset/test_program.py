"""Compiled rules: examples are tried with the code that scans; what is shown of a match."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from filterd.core.evidence import Hit
from filterd.ruleset.program import Program, compile_program, shown
from filterd.ruleset.source import Declarations, read_text
from tests.support.builders import a_transaction
from tests.support.speed import is_within


def compiled(text: str) -> tuple[Program, list[str]]:
    declared = Declarations()
    read_text(text, Path("some.toml"), declared)
    assert not declared.problems
    program, problems = compile_program(declared, {})
    return program, [f"{p.where}: {p.message}" for p in problems]


@pytest.mark.parametrize(
    ("examples", "problems"),
    [
        ("hit = ['A, spf=fail']", []),
        ("hit = ['A spf=pass']", ["6:8: C: does not hit its own hit example 'A spf=pass'"]),
        ("miss = ['A']", []),
        ("hit = ['A spf=pass+fail']", []),
        ("hit = ['B spf=fail']", ['6:8: C: the expression does not use "B"']),
        ("hit = ['A size=big']", ["6:8: C: size is a number, not 'big'"]),
        ("hit = ['A sise=3']", ['6:8: C: "sise" is no fact']),
        ("miss = [{message = 'Subject: x'}]", []),
    ],
)
def test_examples_of_composites(examples: str, problems: list[str]) -> None:
    text = "[rule.A]\nwhere='subject'\nmatch='x'\n[rule.C]\nwhen='A and spf == \"fail\"'\n"
    assert compiled(text + examples)[1] == problems


def test_examples_can_be_whole_messages() -> None:
    text = (
        "[rule.A]\nwhere='mail_from'\nmatch='^x@'\n"
        "hit = [{message='Subject: y', mail_from='x@example.org'}]\n"
        "miss = [{message='Subject: y', mail_from='y@example.org'}]\n"
    )
    assert compiled(text)[1] == []


def test_a_count_says_how_many() -> None:
    program, _ = compiled(
        "[rule.A]\nwhere=['subject', 'body']\nmatch=['a', 'b']\ncount='== 3'\n"
        "[rule.W]\nwhere='body'\nin=['one', 'two']\ncount=2\n"
        "[rule.D]\nwhere='link.host'\nin=['x.example', 'y.example']\ncount=2\n"
    )
    tx = a_transaction(message="Subject: a\n\nab one two http://x.example http://y.example/")
    details = {hit.symbol: hit.detail for hit in program.match(tx)}
    assert details["W"] == "2 times"
    assert details["D"] == "2 times"
    assert "A" not in details  # x.example holds more
    tx = a_transaction(message="Subject: a\n\nab")
    assert [(h.symbol, h.detail) for h in program.match(tx)] == [("A", "3 times")]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"a\r\n\tb", "a b"),
        (b"\x00\xff\x1b[31m", "?\ufffd?[31m"),
        (b"x" * 100, "x" * 59 + "…"),
    ],
)
def test_what_is_shown_is_short_and_printable(data: bytes, text: str) -> None:
    assert shown(data) == text


def test_what_is_not_there_yet_does_not_hit() -> None:
    program, _ = compiled(
        "[rule.A]\nwhere='body'\nmatch='^'\n[rule.B]\nwhere='helo'\nmatch='^'"
    )
    from filterd.core.stage import Stage

    hits = list(program.match(a_transaction(stage=Stage.HELO)))
    assert hits == [Hit("B")]


def test_a_thousand_rules_are_tried_in_a_second() -> None:
    declared = Declarations()
    text = "".join(
        f"[rule.R{n}]\nwhere='subject'\nmatch='(?i)\\bword{n}\\s+(?:one|two)'\n"
        f"hit=['Word{n}  two']\nmiss=['word{n}']\n"
        for n in range(1000)
    )
    read_text(text, Path("some.toml"), declared)
    started = time.process_time()
    _, problems = compile_program(declared, {})
    assert not problems
    assert is_within(time.process_time() - started, 1.0)

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.core.evidence import Note
from filterd.core.verdict import (
    Action,
    DeleteField,
    Hold,
    InsertField,
    ReplaceField,
    ScoredHit,
    Verdict,
)
from filterd.scan.fields import clean, edits, fold, status_value
from filterd.scan.settings import FieldSettings
from tests.support.builders import a_message

OURS = "mx.example.net"
SETTINGS = FieldSettings()
RESULTS = f"{OURS}; spf=pass smtp.mailfrom=example.org"


def a_verdict(action: Action = Action.ACCEPT, score: float = 1.0, **changes: object) -> Verdict:
    values: dict[str, object] = {
        "hits": (ScoredHit("A", 0.4), ScoredHit("B", 0.6)),
        "authentication_results": RESULTS,
        "thresholds": (("tag", 6.0), ("reject", 15.0)),
        **changes,
    }
    return Verdict(action, score, "WHY1", **values)  # type: ignore[arg-type]


def names(verdict: Verdict, raw: str, settings: FieldSettings = SETTINGS) -> list[str]:
    found = []
    for edit in edits(verdict, a_message(raw).header, (), settings, OURS):
        match edit:
            case InsertField(name, _, _):
                found.append(f"+{name}")
            case DeleteField(name, number):
                found.append(f"-{name}/{number}")
            case ReplaceField(name, _, value):
                found.append(f"={name}: {value}")
            case Hold():
                found.append("hold")
    return found


def test_clean_mail_gets_its_status_and_one_result_field_on_top() -> None:
    assert names(a_verdict(), "From: a@example.org\n\n") == [
        "+X-Spam-Score",
        "+X-Spam-Level",
        "+X-Spam-Status",
        "+Authentication-Results",
    ]


def test_tagged_mail_is_flagged() -> None:
    assert "+X-Spam-Flag" in names(a_verdict(Action.TAG, 7.0), "From: a@example.org\n\n")


@pytest.mark.parametrize(
    ("field", "goes"),
    [
        ("mx.example.net; spf=pass", True),
        ("MX.Example.Net ; spf=pass", True),
        ("mx.example.net 1; spf=pass", True),
        ('"mx.example.net"; spf=pass', True),
        ("(comment) mx.example.net; spf=pass", True),
        ("mx\n .example.net; spf=pass", False),
        ("other.example; spf=pass", False),
        ("mx.example.net.evil.example; spf=pass", False),
    ],
)
def test_only_arriving_results_in_our_name_go(field: str, goes: bool) -> None:
    found = names(a_verdict(), f"Authentication-Results: {field}\nFrom: a@example.org\n\n")
    assert ("-Authentication-Results/1" in found) is goes


def test_removals_are_last_first() -> None:
    raw = "X-Spam-Flag: NO\n" * 3 + "From: a@example.org\n\n"
    found = names(a_verdict(), raw)
    assert [f for f in found if f.startswith("-")] == [f"-X-Spam-Flag/{n}" for n in (3, 2, 1)]


def test_the_subject_is_tagged_once() -> None:
    settings = FieldSettings(subject_tag="[spam] ")
    verdict = a_verdict(Action.TAG, 7.0)
    assert "=Subject: [spam] hello" in names(verdict, "Subject: hello\n\n", settings)
    again = names(verdict, "Subject: [spam] hello\n\n", settings)
    assert not [f for f in again if f.startswith("=")]
    assert not [f for f in names(a_verdict(), "Subject: hello\n\n", settings) if f[0] == "="]


def test_a_quarantined_message_is_held_with_its_reason() -> None:
    verdict = a_verdict(Action.QUARANTINE, 12.0, decisive="score 12.00 >= quarantine 10")
    changes = edits(verdict, a_message("From: a@b.example\n\n").header, (), SETTINGS, OURS)
    assert changes[-1] == Hold("score 12.00 >= quarantine 10")


def test_an_incomplete_scan_says_so() -> None:
    verdict = a_verdict(failures=("dnsbl: timeout",), marks=("oversize",))
    assert "incomplete=dnsbl: timeout marks=oversize why=WHY1" in status_value(verdict)


@given(
    st.lists(
        st.tuples(st.from_regex(r"[A-Z_]{1,20}", fullmatch=True), st.integers(-999, 999)),
        unique_by=lambda hit: hit[0],
        max_size=300,
    )
)
def test_the_tests_in_the_field_add_up_to_its_score(hits: list[tuple[str, int]]) -> None:
    total = sum(cents for _, cents in hits)
    scored = tuple(ScoredHit(symbol, cents / 100) for symbol, cents in hits)
    text = status_value(a_verdict(score=total / 100, hits=scored))
    shown = re.findall(r"[A-Z_]+=(-?\d+\.\d\d)", text.partition("tests=")[2])
    assert sum(round(float(points) * 100) for points in shown) == total
    stated = re.search(r"score=(-?\d+\.\d\d)", text)
    assert stated is not None
    assert round(float(stated.group(1)) * 100) == total


@given(st.text())
def test_nothing_starts_a_line_or_field_of_its_own(text: str) -> None:
    assert re.fullmatch(r"[ -~]*", clean(text))
    note = Note("X-Greylist", text)
    header = a_message("From: a@b.example\n\n").header
    for edit in edits(a_verdict(), header, [note], SETTINGS, OURS):
        if isinstance(edit, InsertField):
            assert "\r" not in edit.value
            assert all(line.startswith("\t") for line in edit.value.split("\n")[1:])


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=500))
def test_folding_changes_white_space_only(text: str) -> None:
    assert fold("X-Name", text).replace("\n\t", " ") == text


def test_folded_lines_are_short_where_they_can_be() -> None:
    name = "Authentication-Results"
    lines = f"{name}: {fold(name, ' '.join(['word'] * 200))}".split("\n")
    assert max(map(len, lines)) <= 78
    assert min(map(len, lines[:-1])) > 70


def test_reasons_of_failures_are_bounded() -> None:
    value = status_value(
        a_verdict(failures=tuple(f"check{n}: " + "x" * 5_000 for n in range(50)))
    )
    assert max(len(line) for line in fold("X", value).split("\n")) < 998
    assert len(value) < 6_000


@given(st.text("ab-", max_size=100), st.lists(st.text("ab\t", max_size=99)).map(" ".join))
def test_a_line_passes_its_room_only_where_no_space_allows_a_fold(
    name: str, value: str
) -> None:
    lines = fold(name, value).split("\n\t")
    rooms = [max(76 - len(name), 0)] + [77] * (len(lines) - 1)
    for line, room in zip(lines, rooms, strict=True):
        if len(line) > room:
            assert " " not in line.strip()

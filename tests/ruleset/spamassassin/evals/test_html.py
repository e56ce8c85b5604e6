"""What rules ask about HTML."""

from __future__ import annotations

import pytest

from tests.ruleset.spamassassin.cf import hits

MESSAGE = (
    "Subject: A\nContent-Type: text/html\n\n"
    "<html><title>A long title</title><b><b>bold</b><!-- secret --><a href=x>click here</a>"
    "<img width=200 height=100></html>\n"
)


@pytest.mark.parametrize(
    ("call", "is_hit"),
    [
        ("html_tag_exists('b')", True),
        ("html_tag_exists('form')", False),
        ("html_test('html')", True),
        ("html_test('embeds')", False),
        ("html_text_match('comment', 'sec.et')", True),
        ("html_text_match('anchor', '^click')", True),
        ("html_text_match('title', 'short')", False),
        ("html_range('length', '100', '200')", True),
        ("html_range('length', '0', '100')", False),
        ("html_eval('length', '> 100')", True),
        ("html_image_only(100, 200)", True),
        ("html_image_ratio('0', '0.01')", True),
        ("html_tag_balance('b', '> 0')", True),
        ("html_tag_balance('a', '!= 0')", False),
        ("html_title_subject_ratio('3.5')", True),
    ],
)
def test_html(call: str, is_hit: bool) -> None:
    assert ("R" in hits(f"body R eval:{call}\n", message=MESSAGE)) is is_hit

"""Any text is a field body or AuthresSyntaxError, and what is formatted is read again as the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filterd.mail.authres import AuthresSyntaxError, claims_authserv_id, format_results, parse


@pytest.mark.fuzz
@example("a;" * 200)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(list('a;=.()"\\ \t\n/1@')), max_size=80).map("".join)
)
def test_any_text_is_read_or_is_a_syntax_error(text: str) -> None:
    claims_authserv_id(text, "mx.example.net")
    try:
        read = parse(text)
    except AuthresSyntaxError:
        return
    again = parse(format_results(read.authserv_id, read.results))
    once_more = parse(format_results(again.authserv_id, again.results))
    assert again == once_more
    assert len(again.results) == len(read.results)

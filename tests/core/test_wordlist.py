from __future__ import annotations

import pytest

from filterd.core.shipped import shipped
from filterd.core.wordlist import words
from filterd.mail.domain import to_alabel


def test_words_are_lower_case_without_comments() -> None:
    found = words("freemail")
    assert "gmail.com" in found
    assert not any(" " in word or "#" in word or word != word.lower() for word in found)


def test_a_list_that_is_not_there_is_empty() -> None:
    assert words("no-such-list") == frozenset()


@pytest.mark.parametrize("name", ["freemail", "disposable", "shorteners", "cheap-tlds"])
def test_lists_of_domains_hold_domains_once(name: str) -> None:
    lines = (shipped("rules") / "lists" / f"{name}.txt").read_text().splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    assert all(to_alabel(entry) == entry for entry in entries)
    assert len(entries) == len(set(entries))

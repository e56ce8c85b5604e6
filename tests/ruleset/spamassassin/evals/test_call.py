"""Patterns that are arguments."""

from __future__ import annotations

from filterd.ruleset.spamassassin.evals.call import searcher


def test_a_pattern_of_octets_or_none() -> None:
    found = searcher("(?i)^caf\\xe9")
    assert found is not None and found.search(b"CAF\xe9") is not None
    assert searcher("a(?!b)") is None
    assert searcher("(") is None

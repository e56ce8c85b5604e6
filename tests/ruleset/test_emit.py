"""RE2 text from trees: it means what Perl means by the pattern."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.emit import to_re2
from filterd.ruleset.syntax import parse
from tests.ruleset.patterns import patterns, texts


def hits(pattern: str, text: str, flags: str = "") -> bool:
    return re2.compile(to_re2(parse(pattern, flags))).search(text) is not None


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a$", "a\n", True),
        ("a$", "a\n\n", False),
        (r"a\z", "a\n", False),
        ("(?m)a$", "a\nb", True),
        ("(?m)^b", "a\nb", True),
        ("^b", "a\nb", False),
        (r"a\sb", "a\x0bb", True),
        (r"a\hb", "a\tb", True),
        (r"a\hb", "a\nb", False),
        (r"a\Hb", "a\nb", True),
        (r"a\Rb", "a\r\nb", True),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("(?i:a)b", "Ab", True),
        ("(?i:a)b", "AB", False),
        ("(?i)a(?-i)b", "AB", False),
        ("[[:alpha:]_]", "_", True),
        (r"\p{Cyrillic}", "ж", True),
        ("é", "é", True),
        ("(?i)é", "É", True),
        (r"[\W]", "é", True),
        ("a|b", "b", True),
        ("x(?:a|b)y", "xby", True),
        ("(a|b){2}", "ab", True),
        (r"[\h,]+z", "\t,z", True),
        ("a{0}b", "b", True),
    ],
)
def test_the_text_matches_as_perl_would(pattern: str, text: str, expected: bool) -> None:
    assert hits(pattern, text) is expected


def test_loose_text_matches_wherever_the_pattern_does() -> None:
    loose = re2.compile(to_re2(parse(r"(\w+) (?=no)\1 end"), loosely=True))
    assert loose.search("go no anything end")
    with pytest.raises(ValueError, match="look-ahead"):
        to_re2(parse("a(?=b)"))


@given(patterns(), texts(), st.sampled_from(["", "i", "s", "is"]))
def test_agrees_with_a_backtracking_engine(pattern: str, text: str, flags: str) -> None:
    known = re.search(f"(?a{flags}){pattern}", text) is not None
    assert hits(pattern, text, flags) is known

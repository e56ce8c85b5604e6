"""Tags in patterns."""

from __future__ import annotations

from filterd.ruleset.spamassassin.replace import replace_tags
from tests.ruleset.spamassassin.cf import hits, imported

TAGS = """
replace_start <
replace_tag A [a@4]
replace_tag AB <A>[b8]
replace_pre SP \\s?
replace_post P +
replace_inter W [._-]?
"""


def test_a_tag_is_replaced_also_inside_a_tag() -> None:
    assert replace_tags("x<A>y", imported(TAGS)) == "x[a@4]y"
    assert replace_tags("<AB>", imported(TAGS)) == "[a@4][b8]"


def test_before_behind_and_between() -> None:
    into = imported(TAGS)
    assert replace_tags("<pre SP><post P><A>", into) == r"\s?[a@4]+"
    assert replace_tags("<inter W><A><A>", into) == "[a@4][._-]?[a@4]"


def test_tags_that_contain_themselves_end() -> None:
    assert len(replace_tags("<A>", imported("replace_tag A <A><A>\n"))) < 1_000


def test_only_named_rules_are_replaced() -> None:
    text = f"{TAGS}body R /ch<A>t/\nbody S /ch<A>t/\nreplace_rules R\n"
    assert set(hits(text, message="Subject: x\n\ncome and ch4t\n")) == {"R"}

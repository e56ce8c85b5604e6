from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from filterd.mail import domain, suffix

THEIRS = PublicSuffixList()
RULES = sorted(THEIRS._publicsuffix)
LABELS = ["com", "uk", "co", "jp", "kobe", "city", "ck", "www", "io", "github", "example"]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("com", 1),
        ("www.example.com", 1),
        ("example.co.uk", 2),
        ("user.github.io", 2),
        ("a.b.kobe.jp", 3),  # *.kobe.jp
        ("kobe.jp", 2),  # without a label in the place of the asterisk
        ("a.city.kobe.jp", 2),  # !city.kobe.jp
        ("example.unlisted-top", 0),
        ("xn--p1ai", 1),
        ("рф", 1),
        ("", 0),
        (".", 0),
    ],
)
def test_the_longest_rule_counts(name: str, labels: int) -> None:
    assert suffix.load().labels(name) == labels


def test_every_rule_is_known_as_its_makers_library_knows_it() -> None:
    for rule in RULES:
        name = rule.removeprefix("!").replace("*.", "any.")
        for each in (name, f"www.{name}", f"a.b.{name}", name.partition(".")[2]):
            if each:
                assert domain.registrable(each) == THEIRS.privatesuffix(each), each


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=6))
def test_any_name_is_split_as_its_makers_library_does(labels: list[str]) -> None:
    name = ".".join(labels)
    assert domain.registrable(name) == THEIRS.privatesuffix(name)


@given(st.text(max_size=40))
def test_no_text_has_more_labels_of_suffix_than_it_has(text: str) -> None:
    assert suffix.load().labels(text) <= text.count(".") + 1


def test_the_list_is_read_once() -> None:
    assert suffix.load() is suffix.load()

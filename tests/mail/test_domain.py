from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail import domain


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("ａ.example", "a.example"),
        ("i❤.example", "xn--i-7iq.example"),
        ("a\u00adb.example", "ab.example"),
        ("a\u200bb.example", "ab.example"),
        ("", None),
        (".", None),
        ("a..b", None),
        (".com", None),
        ("a b.example", None),
        ("a@b.example", None),
        ("a\0.example", None),
        ("é b.example", None),
        ("é/x.example", None),
        ("x" * 64 + ".example", None),
        (".".join(["x" * 60] * 5), None),
        ("é" * 2000, None),
    ],
)
def test_one_name_has_one_spelling(text: str, name: str | None) -> None:
    assert domain.to_alabel(text) == name


@given(st.text(max_size=80))
def test_a_label_is_lower_case_ascii_and_stays_itself(text: str) -> None:
    name = domain.to_alabel(text)
    if name is not None:
        assert name.isascii()
        assert name == name.lower()
        assert len(name) <= 253
        assert domain.to_alabel(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("example.com", "example.com"),
        ("xn--\x7f.example", "xn--\x7f.example"),
        ("xn--99999999.example", "xn--99999999.example"),
    ],
)
def test_people_read_u_labels(name: str, shown: str) -> None:
    assert domain.to_ulabel(name) == shown


def test_parents_walk_up_to_the_top() -> None:
    assert list(domain.parents("a.b.example")) == ["a.b.example", "b.example", "example"]


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("user.github.io", "user.github.io"),
        ("host.unlisted-top", "host.unlisted-top"),
        ("com", "com"),
    ],
)
def test_organizational_domain_by_the_public_suffix_list(name: str, site: str) -> None:
    assert domain.organizational(name) == site


@pytest.mark.parametrize(
    ("name", "is_suffix"), [("com", True), ("co.uk", True), ("a.com", False), ("", False)]
)
def test_public_suffixes(name: str, is_suffix: bool) -> None:
    assert domain.is_public_suffix(name) is is_suffix


@pytest.mark.parametrize(
    ("label", "known"), [("com", True), ("museum", True), ("exe", False), ("xn--p1ai", True)]
)
def test_top_level_names_are_those_with_a_rule(label: str, known: bool) -> None:
    assert domain.is_known_tld(label) is known

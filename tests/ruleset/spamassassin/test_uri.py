"""URIs as SpamAssassin's uri rules see them."""

from __future__ import annotations

import pytest

from filterd.ruleset.spamassassin.uri import forms
from tests.ruleset.spamassassin.cf import view


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see http://a.example.com/x, now", "http://a.example.com/x"),
        ("see www.a.com.", "http://www.a.com"),
        ("mail bob@a.com", "mailto:bob@a.com"),
        ("plain a.com/path", "http://a.com/path"),
    ],
)
def test_uris_in_text(text: str, expected: str) -> None:
    assert expected.encode() in view(f"Subject: s\n\n{text}\n").uris


@pytest.mark.parametrize("text", ["file.notatld", "1.2.3", "a sentence.And one"])
def test_what_is_no_uri(text: str) -> None:
    assert not view(f"Subject: s\n\n{text}\n").uris


@pytest.mark.parametrize(
    ("uri", "form"),
    [
        ("http://a.com:80/x", "http://a.com/x"),
        ("http://u:p@a.com/", "http://a.com/"),
        ("http://%61.com/", "http://a.com/"),
        ("http://0x7f.1.1.1/", "http://127.1.1.1/"),
        ("http://a.com/?u=http://b.com/y", "http://b.com/y"),
        ("http:\\\\a.com\\x", "http://a.com/x"),
        ("mailto:a@b.com?subject=x", "mailto:a@b.com"),
    ],
)
def test_other_forms_of_a_uri(uri: str, form: str) -> None:
    assert form in forms(uri)

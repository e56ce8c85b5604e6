"""HTML as SpamAssassin's body rules see it, and the time a hostile one takes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.ruleset.spamassassin.render import render
from tests.support.speed import is_within


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one</p><p>two</p>", "\n\none\n\n\n\ntwo\n\n"),
        ("a<br>b", "a\nb"),
        ("a &amp; b&nbsp;c", "a & b c"),
        ("<style>x{}</style>seen<script>no()</script>", "seen"),
        ("a < b > c", "a < b > c"),
        ('<a title="x > y">z</a>', "z"),
        ("<!-- gone -->here", "here"),
        ("<td>x</td>", " x "),
    ],
)
def test_text(source: str, text: str) -> None:
    assert render(source).text == text


def test_links_anchors_images_and_balance() -> None:
    found = render(
        '<base href="http://b.example/d/"><a href="x.html">here</a><img src=i.png width=100 height=50>'
        '<meta http-equiv=refresh content="0; url=http://r.example/"><b><b></b>'
    )
    assert found.links == [
        "http://b.example/d/", "http://b.example/d/x.html", "http://b.example/d/i.png", "http://r.example/",
    ]  # fmt: skip
    assert found.anchors == ["here"]
    assert found.image_area == 5_000
    assert found.open["b"] == 1


HOSTILE = [
    "<a" * 200_000,
    "<a" * 200_000 + ">",
    '<a "' * 100_000 + ">",
    '<a"<a>' * 60_000,
    "<!" * 200_000 + ">",
    "<script>" * 60_000,
    "<a>x" * 80_000,
    "<" * 400_000 + ">",
    "<title>" + "<b>x</b>" * 50_000,
    "<!--" * 80_000 + ">",
]


@pytest.mark.parametrize("source", HOSTILE, ids=[h[:8] for h in HOSTILE])
def test_a_hostile_text_takes_time_in_its_length(source: str) -> None:
    started = time.thread_time()
    render(source)
    assert is_within(time.thread_time() - started, 2.0)  # 0.2 s on a quiet machine


@given(st.text(alphabet="<>/!-ab \"'=&;#x\n", max_size=80))
def test_any_text_is_rendered(source: str) -> None:
    found = render(source)
    assert found.size == len(source)
    assert len(found.text) <= 4 * len(source) + 4

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.limits import LIMITS
from filterd.mail.html import HtmlLink, parse
from tests.support.speed import is_within


@pytest.mark.parametrize(
    ("source", "visible"),
    [
        ("<p>one<p>two", "one two"),
        ("<table><tr><td>a<td>b</table>c", "a b c"),
        ("V<b>i</b>a<!-- x -->gra", "Viagra"),
        ("a<br>b<BR/>c", "a b c"),
        ("&lt;b&gt; &amp; &#252;&nbsp;x", "<b> & ü x"),
        ("<style>p{}</style><script>x()</script><title>t</title>y", "y"),
        ("plain", "plain"),
        ("", ""),
        ("<p hidden>no</p>yes", "yes"),
    ],
)
def test_visible_text(source: str, visible: str) -> None:
    assert parse(source).visible == visible


@pytest.mark.parametrize(
    ("style", "trick"),
    [
        ("display:none", "hidden"),
        ("DISPLAY : None !important", "hidden"),
        ("visibility:hidden", "hidden"),
        ("opacity:0", "hidden"),
        ("opacity: 0.0", "hidden"),
        ("color: transparent", "hidden"),
        ("font-size:0", "tiny-font"),
        ("font-size:1px", "tiny-font"),
        ("max-height:0;overflow:hidden", "hidden"),
        ("text-indent:-9999px", "hidden"),
        ("position:absolute;left:-9999px", "hidden"),
        ("display:block", None),
        ("font-size:12px", None),
        ("font-size:1em", None),
        ("opacity:0.9", None),
        ("max-height:0", None),
        ("color:red", None),
    ],
)
def test_hidden_text_is_taken_out_and_counted(style: str, trick: str | None) -> None:
    document = parse(f'<p>seen <span style="{style}">secret</span></p>')
    assert ("secret" in document.visible) is (trick is None)
    assert document.hidden == ("secret" if trick else "")
    assert document.tricks.get(trick or "hidden", 0) == (1 if trick else 0)


def test_nested_hidden_elements_are_taken_out_once() -> None:
    hidden = '<div style="display:none">'
    document = parse(hidden * 5 + "x" + "</div>" * 5 + "seen")
    assert document.visible == "seen"


def test_links_in_order_with_their_text() -> None:
    document = parse(
        '<a href="http://a.example/"> A <b>b</b> </a><img src=cid:1><area href=x>'
        "<form action=/f></form><iframe src=http://i.example></iframe><td background=http://bg.example>"
        '<meta http-equiv=Refresh content="0; URL=http://r.example/">'
    )
    assert set(document.links) == {
        HtmlLink("http://a.example/", "A b", "a"),
        HtmlLink("cid:1", "", "img"),
        HtmlLink("x", "", "area"),
        HtmlLink("/f", "", "form"),
        HtmlLink("http://i.example", "", "iframe"),
        HtmlLink("http://r.example/", "", "refresh"),
    }


def test_body_background_is_a_link() -> None:
    assert parse("<body background=http://bg.example>").links == (
        HtmlLink("http://bg.example", "", "background"),
    )


@pytest.mark.parametrize(
    ("source", "trick"),
    [
        ("<script>x</script>", "script"),
        ("<form><input type=password></form>", "password-input"),
        ("<form></form>", "form"),
        ("<base href=http://b.example>", "base"),
        ("<iframe></iframe>", "iframe"),
        ("<object data=x></object>", "object"),
        ("<embed src=x>", "object"),
        ('<a href=" java\nscript:x()">y</a>', "javascript-link"),
        ('<a href="data:text/html,x">y</a>', "data-link"),
        ('<meta http-equiv=refresh content="1;url=http://r.example">', "refresh"),
    ],
)
def test_tricks(source: str, trick: str) -> None:
    assert parse(source).tricks[trick] >= 1
    assert parse("<p>hello</p>").tricks.get(trick, 0) == 0


def test_title_and_counts() -> None:
    document = parse("<TITLE> a  b </TITLE><P>x<p>y<a href=z>")
    assert document.title == "a b"
    assert document.counts["p"] == 2


BOMBS = {
    "div": "<div>" * 100_000,
    "div below the limit": "<div>" * 5_900,
    "attributes": "<a " + " ".join(f"a{n}=1" for n in range(60_000)) + ">",
    "attributes with quoted ends": "<a " + " ".join(f"a{n}='>'" for n in range(60_000)) + ">",
    "formatting": "".join(f"<b id={n}>" for n in range(2_900)) + "<p>x" * 2_900,
    "nested links": "<a href=x><table><td>" * 1_900 + "y" * 400_000,
    "hidden": "<div style='display:none'>" * 5_900 + "y" * 300_000,
    "less-than": "<" * 500_000,
    "comments": "<!--" * 120_000,
    "entities": "&" * 500_000,
    "styles": "<p style='" + "a:b;" * 100_000 + "'>display:none",
    "tables": "<table>" * 5_900,
    "templates": "<template>" * 5_900,
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_take_under_a_second(source: str) -> None:
    started = time.thread_time()
    document = parse(source)
    assert is_within(time.thread_time() - started, 1.0)
    assert len(document.visible) <= LIMITS.html_bytes


def test_what_costs_too_much_is_read_by_pattern_and_marked() -> None:
    document = parse("<a href='http://a.example/'>x</a>" + "<i>" * 7_000 + "end")
    assert document.tricks["complex"] == 1
    assert document.visible == "xend"
    assert document.links[0].href == "http://a.example/"


@given(st.text(alphabet="<>/ab='\" !-&;\n\0é", max_size=120))
def test_any_text_gives_a_document(source: str) -> None:
    document = parse(source)
    assert isinstance(document.visible.encode(), bytes)
    assert sum(document.counts.values()) <= source.count("<")

"""Tricks of HTML: each symbol hits its case and leaves ordinary HTML alone."""

from __future__ import annotations

from filterd.checks.html import CHECK
from tests.support.heuristics import html, mail, multipart, symbols, table

PAGE = (
    "<html><body><div><p>Dear Ann, here are the minutes.</p><p>Regards</p></div></body></html>"
)
LONG = "Dear Ann, here are the minutes of our meeting on Monday and what we agreed on. " * 6

HITS: list[tuple[str, bytes]] = [
    ("HTML_PASSWORD", html("<form action=x><input type=password></form>")),
    ("HTML_FORM", html("<form action=x></form>")),
    ("HTML_REFRESH", html('<meta http-equiv=refresh content="0;url=http://a.example/">')),
    ("HTML_SCRIPT", html("<script>x()</script>")),
    ("HTML_JAVASCRIPT_LINK", html('<a href="javascript:x()">y</a>')),
    ("HTML_DATA_LINK", html('<a href="data:text/html,x">y</a>')),
    ("HTML_IFRAME", html("<iframe src=http://a.example></iframe>")),
    ("HTML_OBJECT", html("<object data=http://a.example></object>")),
    ("HTML_BASE", html("<base href=http://a.example>")),
    ("HTML_COMPLEX", html("<i>" * 7_000)),
    ("HTML_HIDDEN_TEXT", html(f'<p>buy</p><div style="display:none">{LONG}</div>')),
    ("HTML_TINY_FONT", html('<p>x</p><b style="font-size:0">a</b><b style="font-size:1px">b</b>')),
    ("HTML_IMAGE_ONLY", html('<a href="http://a.example/"><img src="http://a.example/x.jpg"></a>')),
    ("HTML_FRAGMENT", html("<p>hello<br>there")),
    ("HTML_SPLIT_WORDS", html("".join(f"v{n}x<!-- {n} -->y" for n in range(6)))),
    ("HTML_INVENTED_TAGS", html("<qwertz>a</qwertz><plokij>b</plokij><mnbvc>c</mnbvc>")),
    ("HTML_COMMENT_TEXT", html("<!-- it was a dark and stormy night in the old town --><p>x<!-- and nobody knew who had been at the door -->")),
    ("HTML_ENTITIES", html("<p>" + "".join(f"&#{ord(c)};" for c in LONG[:80]))),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("HTML_HIDDEN_TEXT", html(f'<div style="display:none">preview of it</div><p>{LONG}</p>')),
    ("HTML_IMAGE_ONLY", html(f'<img src="http://a.example/x.jpg"><p>{LONG}</p>')),
    ("HTML_IMAGE_ONLY", multipart(f"Content-Type: text/plain\n\n{LONG}", "Content-Type: text/html\n\n<img src=x>")),
    ("HTML_FRAGMENT", html(PAGE)),
    ("HTML_SPLIT_WORDS", html("V<b>i</b>a<i>g</i>ra and V<b>i</b>a<i>g</i>ra")),
    ("HTML_ENTITIES", html("<p>" + LONG + "&#8217;" * 10)),
    ("HTML_TINY_FONT", html('<p style="font-size:14px">a</p><p style="font-size:16px">b</p>')),
]  # fmt: skip


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_ordinary_messages_hit_nothing() -> None:
    assert symbols(CHECK, mail()) == set()
    assert symbols(CHECK, html(PAGE)) == set()

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.limits import LIMITS
from filterd.mail.link import find, read
from tests.support.builders import a_message
from tests.support.speed import is_within


@pytest.mark.parametrize(
    ("reference", "scheme", "host"),
    [
        ("http://Example.COM/a?b#c", "http", "example.com"),
        ("HTTPS://a.example.", "https", "a.example"),
        ("http:\\\\a.example\\x", "http", "a.example"),
        ("  ht\ttp://a.exa\nmple ", "http", "a.example"),
        ("http:a.example", "http", "a.example"),
        ("http:///a.example/", "http", "a.example"),
        ("//a.example/x", "http", "a.example"),
        ("\\\\a.example\\x", "http", "a.example"),
        ("http://good.example@evil.example/", "http", "evil.example"),
        ("http://good.example\\@evil.example/", "http", "good.example"),
        ("http://good.example%2f@evil.example/", "http", "evil.example"),
        ("http://a.ex%61mple/", "http", "a.example"),
        ("http://bücher.example/", "http", "xn--bcher-kva.example"),
        ("http://ａ.example/", "http", "a.example"),
        ("http://a。example/", "http", "a.example"),
        ("http://3232235777/", "http", "192.168.1.1"),
        ("http://0xC0A80101", "http", "192.168.1.1"),
        ("http://0300.0250.1.1", "http", "192.168.1.1"),
        ("http://0x7f.1", "http", "127.0.0.1"),
        ("http://１２７.0.0.1/", "http", "127.0.0.1"),
        ("http://[2001:DB8::1]:80/", "http", "[2001:db8::1]"),
        ("http://999.1.1.1/", "http", ""),
        ("http://", "http", ""),
        ("mailto:A@B.Example?subject=x", "mailto", "b.example"),
        ("mailto:a%40b.example", "mailto", "b.example"),
        ("javascript:alert(1)", "javascript", ""),
        ("data:text/html,x", "data", ""),
        ("cid:1", "cid", ""),
        ("/relative", "", ""),
        ("", "", ""),
    ],
)
def test_references_are_read_as_browsers_do(reference: str, scheme: str, host: str) -> None:
    link = read(reference)
    assert (link.scheme, link.host) == (scheme, host)


def test_the_rest_of_a_reference() -> None:
    link = read("https://u:p@www.a.co.uk:8443/x/y?q=1#f", anchor="here")
    assert (link.userinfo, link.port, link.path, link.query) == ("u:p", 8443, "/x/y", "q=1")
    assert (link.site, link.anchor, link.origin) == ("a.co.uk", "here", "html")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see http://a.example/x.", ["http://a.example/x"]),
        ("(http://a.example/x(y))", ["http://a.example/x(y)"]),
        ("<http://a.example>", ["http://a.example"]),
        ("www.spam.com and spam.ru!", ["www.spam.com", "spam.ru"]),
        ("spam.com/path?x=1,", ["spam.com/path?x=1"]),
        ("write to a.b@spam.com,", ["mailto:a.b@spam.com"]),
        ("mailto:a@spam.com", ["mailto:a@spam.com"]),
        ("hxxp://bad.com/x", ["http://bad.com/x"]),
        ("münchen.de", ["münchen.de"]),
        ("file.py main.c x.exe e.g. U.S.A. 1.2.3 v1.0", []),
        ("www.script.pl", ["www.script.pl"]),
        ("end.It was", []),
        ("end.com", ["end.com"]),
        ("a@b", []),
        ("nothing here", []),
        ("twice.com twice.com", ["twice.com"]),
    ],
)
def test_references_in_text(text: str, found: list[str]) -> None:
    assert [link.url for link in find(text)] == found


def test_a_message_gives_each_distinct_link_with_its_origin() -> None:
    message = a_message(
        "Content-Type: text/html\n\n"
        '<a href="http://a.example/">www.bank.com</a> <a href="http://a.example/">again</a>'
        '<img src="http://i.example/x.png"><img src="cid:1"><form action="http://f.example/">'
        "or visit spam.com"
    )
    assert {(link.origin, link.host) for link in message.links} == {
        ("html", "a.example"),
        ("image", "i.example"),
        ("form", "f.example"),
        ("bare", "www.bank.com"),
        ("bare", "spam.com"),
    }


def test_links_stop_at_the_limit() -> None:
    body = " ".join(f"http://a{n}.example/" for n in range(2_000))
    assert len(a_message(f"Subject: s\n\n{body}\n").links) == LIMITS.links


HOSTILE = {
    "dots": "a." * 100_000,
    "labels": "a.b." * 50_000 + "com",
    "ats": "a@" * 100_000,
    "schemes": "http://" * 30_000,
    "words": "a.bb " * 40_000,
    "glued addresses": "a.bb@" * 40_000,
    "parentheses": ")" * 1_000 + "http://a.com/" + ")" * 1_900,
    "letters": "x" * 200_000,
    "words of 300": ("a-" * 148 + ".b ") * 700,
    "not ASCII": "é.bb" * 40_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_under_half_a_second(text: str) -> None:
    started = time.thread_time()
    list(find(text))
    assert is_within(time.thread_time() - started, 0.5)


@given(st.text(max_size=200))
def test_any_reference_gives_a_link(reference: str) -> None:
    link = read(reference)
    assert link.host == link.host.lower()
    assert link.host.isascii()

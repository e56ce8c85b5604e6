"""Links and letters: each symbol hits its case and leaves the ordinary message alone."""

from __future__ import annotations

from filterd.checks.link import CHECK
from tests.support.heuristics import html, mail, symbols, table

PATH = "/aW4Pxbsug2l3nancyoLN2_1hYacYcbCUWx9sfqFe5QFI3WNPA"
TEXT = (
    "Dear Ann, here are the minutes of our meeting on Monday and what we agreed on, point by point. "
    * 4
)


def page(*links: str) -> bytes:
    return html(f"<p>{TEXT}" + " ".join(links))


def a(href: str, text: str = "here") -> str:
    return f'<a href="{href}">{text}</a>'


HITS: list[tuple[str, bytes]] = [
    ("LINK_ADDRESS", page(a("http://8.8.4.4/x"))),
    ("LINK_ADDRESS_HIDDEN", page(a("http://134743044/x"))),
    ("LINK_SHORTENER", page(a("https://bit.ly/x7"))),
    ("LINK_CHEAP_TLD", page(a("https://offers.xyz/"))),
    ("LINK_PUNYCODE", page(a("https://bücher.example/"))),
    ("LINK_MIXED_SCRIPT", page(a("https://pаypal.example/"))),
    ("LINK_RECIPIENT", page(a("https://a.example/login?user=user%40example.net"))),
    ("LINK_USERINFO", page(a("https://www.bank.example@evil.example/"))),
    ("LINK_PORT", page(a("http://a.example:8081/"))),
    ("LINK_MISMATCH", page(a("https://evil.example/", "https://www.bank.com/login"))),
    ("LINK_ZERO_WIDTH", page(a("https://a\u200b.example/"))),
    ("LINK_REVERSED", page(a("https://a.example/\u202egpj.exe"))),
    ("LINK_BAIT", page(a("https://paypal.secure.evil.example/login"))),
    ("LINK_RANDOM", page(a(f"https://a.example{PATH}"), a(f"https://a.example{PATH}Q"))),
    ("LINK_RANDOM_OWN", page(a(f"https://www.example.org{PATH}"), a(f"https://example.org{PATH}Q"))),
    ("LINK_ALL_PLAIN", page(a("http://a.example/"))),
    ("LINK_MANY_HOSTS", page(*(a(f"https://{n}.a.example/") for n in ("dc80", "8ec7", "fcaf", "528d")))),
    ("LINK_AND_LITTLE_TEXT", mail("look http://a.example/ here")),
    ("TEXT_ZERO_WIDTH", mail("pass\u200bword ac\u200bcount ver\u200bify")),
    ("TEXT_MIXED_SCRIPT", mail("раypal аccount vеrify расsword")),
    ("TEXT_REVERSED", mail("see \u202eexe.pdf")),
    ("TEXT_FANCY_LETTERS", mail("𝗰𝗹𝗮𝗶𝗺 it")),
    ("TEXT_FREEMAIL_CONTACT", mail("write to mrs.lawyer@gmail.com today")),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("LINK_MISMATCH", page(a("https://click.bank.com/x", "www.bank.com"))),
    ("LINK_MISMATCH", page(a("https://a.example/", "Version 2.0 is out"))),
    ("LINK_BAIT", page(a("https://www.paypal.com/signin"))),
    ("LINK_RECIPIENT", page(a("https://a.example/?id=77"))),
    ("LINK_PORT", page(a("https://a.example:443/"))),
    ("LINK_MIXED_SCRIPT", page(a("https://bücher.example/"))),
    ("LINK_RANDOM", page(a(f"https://a.example{PATH}"), a("https://a.example/news"))),
    ("LINK_ALL_PLAIN", page(a("http://a.example/"), a("https://a.example/"))),
    ("TEXT_MIXED_SCRIPT", mail("Привет, here is the text in English")),
    ("TEXT_FREEMAIL_CONTACT", mail("> write to x@gmail.com", in_reply_to="<1@example.net>")),
    ("TEXT_FREEMAIL_CONTACT", mail("mine: bob@gmail.com", **{"from": "bob@gmail.com"})),
]  # fmt: skip


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_ordinary_messages_hit_nothing() -> None:
    assert symbols(CHECK, mail()) == set()
    assert symbols(CHECK, page(a("https://www.example.org/minutes", "the minutes"))) == set()

"""Lists and bulk mail: each symbol hits its case and leaves the ordinary message alone."""

from __future__ import annotations

from filterd.checks.bulk import CHECK
from tests.support.heuristics import mail, symbols, table

QUOTE = "On Monday Ann wrote:\n> one\n> two\n> three\n\nYes.\n"
HITS: list[tuple[str, bytes]] = [
    ("LIST_MAIL", mail(list_id="<talk.example.org>", list_post="<mailto:talk@example.org>")),
    ("BULK_MAIL", mail(precedence="bulk")),
    ("BULK_MAIL", mail(list_unsubscribe="<https://example.org/u>")),
    ("BULK_LIST_ID", mail(list_id="AFYAEvrKtA.example.org")),
    ("BULK_POST_ALONE", mail(list_unsubscribe_post="List-Unsubscribe=One-Click")),
    ("BULK_UNSUBSCRIBE_BROKEN", mail(list_unsubscribe="<http://[Unsubscribe]>")),
    ("BULK_POST_NO_HTTPS", mail(list_unsubscribe="<http://example.org/u>", list_unsubscribe_post="List-Unsubscribe=One-Click")),
    ("REPLY_QUOTES", mail(QUOTE, in_reply_to="<1@example.net>")),
    ("REPLY_THREAD", mail(references="<1@mail.example.net> <2@mail.example.org>", in_reply_to="<2@mail.example.org>")),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("BULK_LIST_ID", mail(list_id='"Talk" <talk.example.org>')),
    ("BULK_UNSUBSCRIBE_BROKEN", mail(list_unsubscribe="<mailto:u@example.org?subject=x>")),
    ("BULK_POST_NO_HTTPS", mail(list_unsubscribe="<https://example.org/u>", list_unsubscribe_post="x")),
    ("REPLY_QUOTES", mail(QUOTE)),
    ("REPLY_QUOTES", mail(in_reply_to="<1@example.net>")),
    ("REPLY_THREAD", mail(in_reply_to="<1@example.org>", references="<1@example.org>")),
]  # fmt: skip


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_an_ordinary_message_hits_nothing() -> None:
    assert symbols(CHECK, mail()) == set()

"""Header sanity: each symbol hits its case and leaves the ordinary message alone."""

from __future__ import annotations

from filterd.checks.field import CHECK
from filterd.limits import LIMITS
from tests.support.heuristics import mail, symbols, table

HITS: list[tuple[str, bytes]] = [
    ("FROM_MISSING", mail().replace(b"From: Bob Miller <bob@example.org>\n", b"")),
    ("FROM_SEVERAL_FIELDS", mail().replace(b"Subject:", b"From: c@d.example\nSubject:")),
    ("FIELD_DUPLICATE", mail(to=["a@b.example", "c@d.example"])),
    ("FIELD_DUPLICATE", mail(date=["Tue, 14 Nov 2023 22:13:10 +0000"] * 2)),
    ("FIELD_8BIT", mail(subject="Grüße aus dem Büro")),
    ("FIELD_8BIT_OTHER", mail(organization="Büro")),
    ("FIELD_NUL", mail(subject="a\0b")),
    ("FIELD_TOO_MANY", mail(x_filler=["x"] * (LIMITS.header_fields + 5))),
    ("DATE_MISSING", mail(date=None)),
    ("DATE_INVALID", mail(date="yesterday")),
    ("DATE_FUTURE", mail(date="Thu, 16 Nov 2023 22:13:10 +0000")),
    ("DATE_PAST", mail(date="Tue, 14 Nov 2017 22:13:10 +0000")),
    ("DATE_NO_ZONE", mail(date="Tue, 14 Nov 2023 22:13:10")),
    ("DATE_ZONE_ODD", mail(date="Tue, 14 Nov 2023 22:13:10 +0480")),
    ("DATE_ZONE_ODD", mail(date="Tue, 14 Nov 2023 22:13:10 -1900")),
    ("DATE_SHORT_YEAR", mail(date="Tue, 14 Nov 23 22:13:10 +0000")),
    ("MESSAGE_ID_MISSING", mail(message_id=None)),
    ("MESSAGE_ID_INVALID", mail(message_id="no brackets")),
    ("MESSAGE_ID_INVALID", mail(message_id="<no-at-sign>")),
    ("MESSAGE_ID_HOST", mail(message_id="<1.2@desktop>")),
    ("MESSAGE_ID_HOST", mail(message_id="<1.2@pc.localdomain>")),
    ("MESSAGE_ID_ADDRESS", mail(message_id="<1.2@[192.0.2.7]>")),
    ("MESSAGE_ID_ODD", mail(message_id="<ABCDEFGHIJKLMNOP@example.org>")),
    ("MESSAGE_ID_ODD", mail(message_id="<2023111422131077@example.org>")),
    ("SUBJECT_MISSING", mail(subject=None)),
    ("SUBJECT_EMPTY", mail(subject="")),
    ("SUBJECT_CAPITALS", mail(subject="URGENT BUSINESS PROPOSAL")),
    ("SUBJECT_FALSE_REPLY", mail(subject="Re: our talk")),
    ("SUBJECT_SPACES", mail(subject="Special offer           x7k2")),
    ("SUBJECT_MARKS", mail(subject="Win $$$ now!!!")),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("FIELD_DUPLICATE", mail(received=["by a.example", "by b.example"])),
    ("FIELD_8BIT", mail(subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=")),
    ("DATE_FUTURE", mail(date="Wed, 15 Nov 2023 05:13:10 +0000")),
    ("DATE_PAST", mail(date="Sun, 12 Nov 2023 05:13:10 +0000")),
    ("DATE_ZONE_ODD", mail(date="Tue, 14 Nov 2023 22:13:10 +0545")),
    ("MESSAGE_ID_ODD", mail(message_id="<ABC.123@example.org>")),
    ("SUBJECT_CAPITALS", mail(subject="NASA")),
    ("SUBJECT_FALSE_REPLY", mail(subject="Re: our talk", in_reply_to="<1@example.net>")),
    ("SUBJECT_MARKS", mail(subject="Really? Yes!")),
]


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_an_ordinary_message_hits_nothing() -> None:
    assert symbols(CHECK, mail()) == set()


def test_dates_are_compared_with_the_newest_hop_not_the_clock() -> None:
    old = mail(
        date="Tue, 14 Nov 2017 22:13:10 +0000",
        received="from a by b; Tue, 14 Nov 2017 22:13:12 +0000",
    )
    assert symbols(CHECK, old) == set()

"""The trace: each symbol hits its case and leaves the ordinary message alone."""

from __future__ import annotations

from filterd.checks.received import CHECK
from tests.support.heuristics import mail, symbols, table


def hop(
    client: str,
    by: str = "mx.example.net",
    more: str = "with ESMTP id 4ABC",
    at: str = "22:13:18",
) -> str:
    return f"from {client} by {by} (Postfix) {more}; Tue, 14 Nov 2023 {at} +0000"


HITS: list[tuple[str, bytes]] = [
    ("RECEIVED_NONE", mail(received=None)),
    ("RECEIVED_HELO_ADDRESS", mail(received=hop("203.0.113.9 (x.example [198.51.100.7])").replace("198.51.100.7", "8.8.4.4"))),
    ("RECEIVED_HELO_USER", mail(received=hop("User (unknown [8.8.4.4])"))),
    ("RECEIVED_HELO_IS_SERVER", mail(received=hop("mx.example.net (unknown [8.8.4.4])"))),
    ("RECEIVED_HELO_IS_SERVER", mail(received=hop("example.net (unknown [8.8.4.4])"))),
    ("RECEIVED_HELO_NUMBER", mail(received=hop("156704272 (a.example.com [8.8.4.4])"))),
    ("RECEIVED_HELO_LABEL", mail(received=hop("desktop-77 (a.example.com [8.8.4.4])"))),
    ("RECEIVED_HELO_DIFFERS", mail(received=hop("mail.example.org (a.example.com [8.8.4.4])"))),
    ("RECEIVED_HOME_LINE", mail(received=hop("a.example.com (cpe-8-8-4-4.dsl.example.com [8.8.4.4])"))),
    ("RECEIVED_HOME_LINE", mail(received=hop("a.example.com (pool-44.dyn.example.com [8.8.4.4])"))),
    ("RECEIVED_NO_NAME", mail(received=hop("mail.example.org (unknown [8.8.4.4])"))),
    ("RECEIVED_DISORDER", mail(received=[hop("a ([10.1.1.1])", at="10:00:00"), hop("b ([10.1.1.2])", at="20:00:00")])),
    ("RECEIVED_GARBLED", mail(received=[hop("a ([10.1.1.1])"), hop("b ([10.1.1.2])", more="with esmtp (2.B3-/N'E(F) id 1U/-0*-S?.F40")])),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("RECEIVED_HELO_ADDRESS", mail(received=hop("[8.8.4.4] (x.example [8.8.4.4])"))),
    ("RECEIVED_HELO_LABEL", mail(received=hop("desktop (a.example.com [8.8.4.4])", more="with ESMTPSA id 1"))),
    ("RECEIVED_HOME_LINE", mail(received=hop("pc (cpe-8-8-4-4.dsl.example.com [8.8.4.4])", by="smtp.example.com"))),
    ("RECEIVED_HELO_DIFFERS", mail(received=hop("a.example.com (b.example.com [8.8.4.4])"))),
    ("RECEIVED_GARBLED", mail(received=hop("a ([10.1.1.1])", more="with esmtp (Exim 3.22 #8) id 17ytYR-0005ta-00"))),
    ("RECEIVED_DISORDER", mail(received=[hop("a ([10.1.1.1])", at="10:00:00"), hop("b ([10.1.1.2])", at="11:00:00")])),
]  # fmt: skip


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_an_ordinary_message_hits_nothing() -> None:
    assert (
        symbols(CHECK, mail(received=hop("mail.example.org (mail.example.org [8.8.4.4])")))
        == set()
    )

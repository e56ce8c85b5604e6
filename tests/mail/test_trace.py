from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.limits import LIMITS
from filterd.mail.trace import Hop, parse_date
from tests.support.builders import a_message
from tests.support.speed import is_within, least


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", 880127706),
        ("21 Nov 1997 09:55:06 -0600", 880127706),
        ("Fri, 21 Nov 1997 09:55:06 -0600 (CST)", 880127706),
        ("Fri, 21 Nov 97 09:55:06 CST", 880127706),
        ("Fri, 21 Nov 1997 15:55:06 GMT", 880127706),
        ("Fri, 21 Nov 1997 15:55 +0000", 880127700),
        ("Fri (day), 21 Nov 1997 (c (d)) 15:55:06 +0000", 880127706),
        ("Fri Nov 21 15:55:06 1997", 880127706),
        ("Fri Nov 21 15:55:06 UTC 1997", 880127706),
        ("Fri,21 Nov 1997 15:55:06 +0000", 880127706),
        ("FRIDAY, 21-NOV-1997 15:55:06 +0000", 880127706),
        ("Fri, 21 Nov 1997 15:55:06 XYZ", 880127706),
        ("Mon, 29 Feb 2021 00:00:00 +0000", None),
        ("Fri, 32 Jan 2021 00:00:00 +0000", None),
        ("Fri, 1 Foo 2021 00:00:00 +0000", None),
        ("Fri, 1 Jan 2021 25:00:00 +0000", None),
        ("2021-01-01 00:00:00", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_dates(text: str, seconds: float | None) -> None:
    assert parse_date(text) == seconds


POSTFIX = (
    "from mail.example.org (host.example.net [192.0.2.1]) by mx.example.com (Postfix) with ESMTPS "
    "id 4ABC for <user@example.com>; Fri, 21 Nov 1997 09:55:06 -0600 (CST)"
)


def test_a_hop_of_postfix() -> None:
    hop = Hop(POSTFIX)
    assert (hop.from_name, hop.from_rdns, hop.from_address) == (
        "mail.example.org",
        "host.example.net",
        "192.0.2.1",
    )
    assert (hop.by, hop.protocol, hop.id) == ("mx.example.com", "ESMTPS", "4ABC")
    assert (hop.recipient, hop.date) == ("user@example.com", 880127706)


@pytest.mark.parametrize(
    ("raw", "name", "rdns", "address"),
    [
        ("from unknown (HELO x.example) (192.0.2.1) by y with SMTP; 1 Jan 2021 00:00:00 +0000", "x.example", "", "192.0.2.1"),
        ("from rdns.example (HELO x.example) ([192.0.2.1]) by y", "x.example", "rdns.example", "192.0.2.1"),
        ("from x.example ([IPv6:2001:db8::1]) by y", "x.example", "", "2001:db8::1"),
        ("from x.example (unknown [192.0.2.1]) by y", "x.example", "", "192.0.2.1"),
        ("from rdns.example ([192.0.2.1] helo=x.example) by y with esmtp (Exim)", "x.example", "rdns.example", "192.0.2.1"),
        ("from x.example (ident@rdns.example [192.0.2.1]) by y (8.11)", "x.example", "rdns.example", "192.0.2.1"),
        ("by 10.1.2.3 with SMTP id x; 1 Jan 2021 00:00:00 +0000", "", "", ""),
        ("from [192.0.2.1] (helo=x) by y", "x", "", "192.0.2.1"),
        ("from localhost by y (unknown [192.0.2.9])", "localhost", "", ""),
        ("", "", "", ""),
    ],
)  # fmt: skip
def test_what_a_server_says_of_its_client(raw: str, name: str, rdns: str, address: str) -> None:
    hop = Hop(raw)
    assert (hop.from_name, hop.from_rdns, hop.from_address) == (name, rdns, address)


def test_hops_are_newest_first_and_bounded() -> None:
    message = a_message("".join(f"Received: by h{n}.example\n" for n in range(150)) + "\nx\n")
    assert len(message.hops) == LIMITS.received_hops
    assert message.hops[0].by == "h0.example"


@pytest.mark.parametrize(
    "bit", ["from ", "by ", "(", "[", "1.", "from x (", "helo=", " ", "a.a", ";"]
)
def test_4_kib_of_anything_takes_under_a_tenth_of_a_second(bit: str) -> None:
    def read_all() -> None:
        hop = Hop(("from " + bit * 4096)[:4096])
        assert None not in (hop.from_name, hop.from_rdns, hop.from_address, hop.by)
        parse_date(bit * 200)

    assert is_within(least(read_all), 0.1)


@given(st.text(max_size=200))
def test_any_text_gives_a_hop_and_a_date_or_none(text: str) -> None:
    hop = Hop(text)
    assert isinstance(hop.from_address, str)
    date = parse_date(text)
    assert date is None or -2.3e9 < date < 2.6e11

"""Keys: what changes from message to message is not in them, and nothing a sender writes makes them long."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.store import keys
from filterd.store.keys import MAX_KEY, Seal


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("", ""),
        ("Ann@A.Example", "ann@a.example"),
        ("postmaster", "postmaster"),
        ("prvs=0123456789=ann@a.example", "ann@a.example"),
        ("prvs=ann/0123456789@a.example", "ann@a.example"),
        ("btv1==1234567890==ann@a.example", "ann@a.example"),
        (
            "SRS0=HHHH=TT=a.example=ann@fwd.example",
            "srs0=a.example=ann@fwd.example",
        ),
        (
            "SRS1=HHHH=one.example==XXXX=TT=a.example=ann@two.example",
            "srs1=a.example=ann@two.example",
        ),
        ("list-bounces+bob=b.example@l.example", "list-bounces@l.example"),
        ("bounce-debian-mirrors=bob=b.example@l.example", "bounce-debian-mirrors@l.example"),
        ("bounce-mc.us5_12345.678-bob=b.example@mc.example", "bounce@mc.example"),
        ("0100018c3b1e2f4a-1b2c3d4e-000000@ses.example", "#@ses.example"),
        ("b-4711-0815@news.example", "b-#@news.example"),
        ("john99@a.example", "john99@a.example"),
        ("+tag@a.example", "+tag@a.example"),
        ("a=b@c=d@e.example", "a=b@c=d@e.example"),
    ],
)
def test_plain_path(path: str, plain: str) -> None:
    assert keys.plain_path(path) == plain


@given(st.text(max_size=400))
def test_plain_path_takes_anything_and_settles(path: str) -> None:
    assert len(keys.plain_path(path)) <= max(len(path.lower()), len(path)) + 5


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (None, "local"),
    ],
)
def test_a_client_is_its_network(client: str | None, network: str) -> None:
    assert keys.client_network(ip_address(client) if client else None) == network


def test_hashed_pairs_do_not_care_for_case_and_serials() -> None:
    assert keys.pair("Me@b.example", "prvs=0123456789=Ann@a.example") == keys.pair(
        "me@b.example", "ann@a.example"
    )
    assert keys.message_id(" <x@y> ") == keys.message_id("x@y")
    assert keys.pair("a@b", "c@d") != keys.pair("c@d", "a@b")


@given(st.text(max_size=1000), st.booleans())
def test_a_seal_is_short_stable_and_final(key: str, is_hashed: bool) -> None:
    seal = Seal(is_hashed=is_hashed, secret=b"secret")
    sealed = seal(key)
    assert len(sealed) <= MAX_KEY
    assert seal(sealed) == sealed
    assert sealed.isprintable()


def test_secrets_make_different_seals() -> None:
    assert Seal(is_hashed=True, secret=b"a")("k") != Seal(is_hashed=True, secret=b"b")("k")

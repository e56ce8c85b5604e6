from __future__ import annotations

import pytest

from filterd.checks import helo
from tests.support.announced import run
from tests.support.builders import a_transaction

HELOS = [
    ("mail.example.org", "mail.example.org A 192.0.2.1", []),
    ("MAIL.Example.org.", "mail.example.org A 198.51.100.1", []),
    ("six.example.org", "six.example.org AAAA 2001:db8::1", []),
    ("mail_1.example.org", "mail_1.example.org A 192.0.2.1", []),
    ("bücher.example", "xn--bcher-kva.example A 192.0.2.1", []),
    ("gone.example.org", "", ["HELO_UNRESOLVABLE"]),
    ("nohost.example.org", "nohost.example.org MX 10 mail.example.org", ["HELO_UNRESOLVABLE"]),
    ("slow.example.org", "slow.example.org TIMEOUT", []),
    ("half.example.org", "half.example.org TIMEOUT AAAA", []),
    ("", "", ["HELO_EMPTY"]),
    ("[192.0.2.1]", "", ["HELO_LITERAL"]),
    ("[IPv6:2001:db8::1]", "", ["HELO_LITERAL_FALSE"]),
    ("[192.0.2.2]", "", ["HELO_LITERAL_FALSE"]),
    ("[junk]", "", ["HELO_LITERAL_FALSE"]),
    ("192.0.2.1", "", ["HELO_BARE_ADDRESS"]),
    ("2001:db8::1", "", ["HELO_BARE_ADDRESS"]),
    ("localhost", "", ["HELO_LOCALHOST"]),
    ("localhost.localdomain", "", ["HELO_LOCALHOST"]),
    ("WORKSTATION", "", ["HELO_BARE_WORD"]),
    ("mx.example.net", "", ["HELO_OURS"]),
    ("MX2.example.net", "", ["HELO_OURS"]),
    ("example.net", "example.net A 192.0.2.9", ["HELO_RECIPIENT"]),
    ("foo bar.example", "", ["HELO_INVALID"]),
    ("a..example.org", "", ["HELO_INVALID"]),
    ("-x.example.org", "", ["HELO_INVALID"]),
    ("x" * 64 + ".example.org", "", ["HELO_INVALID"]),
    ("evil\r\n.example.org", "", ["HELO_INVALID"]),
]


@pytest.mark.parametrize(
    ("name", "zone", "symbols"), HELOS, ids=[repr(name)[:30] for name, _, _ in HELOS]
)
def test_greeting_is_judged(name: str, zone: str, symbols: list[str]) -> None:
    tx = a_transaction(
        client="192.0.2.1", helo=name, rcpt=("user@example.net",), mta_name="mx.example.net"
    )
    found = run(helo.CHECK, tx, zone, helo.Settings(own_names=("mx2.example.net",)))
    assert found.symbols == symbols
    assert found.unannounced == []


@pytest.mark.parametrize(
    "facts", [{"auth_user": "joe"}, {"is_local": True}, {"client": "unknown"}]
)
def test_nothing_is_asked_or_said_of_our_own_clients(facts: dict[str, object]) -> None:
    found = run(helo.CHECK, a_transaction(helo="localhost", **facts))  # type: ignore[arg-type]
    assert (found.evidence, found.announced) == ((), frozenset())

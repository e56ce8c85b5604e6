from __future__ import annotations

import pytest

from filterd.checks import sender
from tests.support.announced import run
from tests.support.builders import a_transaction

D = "example.org"
SENDERS = {
    "exchange": (f"{D} MX 10 mx.{D}\nmx.{D} A 192.0.2.1", []),
    "exchange with IPv6": (f"{D} MX 10 mx.{D}\nmx.{D} AAAA 2001:db8::1", []),
    "second exchange": (f"{D} MX 10 gone.{D}\n{D} MX 20 mx.{D}\nmx.{D} A 192.0.2.1", []),
    "address only": (f"{D} A 192.0.2.1", ["SENDER_NO_MX"]),
    "IPv6 address only": (f"{D} AAAA 2001:db8::1", ["SENDER_NO_MX"]),
    "no such domain": ("", ["SENDER_UNRESOLVABLE"]),
    "neither exchange nor address": (f"{D} TXT x", ["SENDER_NO_HOST"]),
    "null MX": (f"{D} MX 0 .", ["SENDER_NULL_MX"]),
    "null MX beside another": (f"{D} MX 0 .\n{D} MX 10 mx.{D}\nmx.{D} A 192.0.2.1", []),
    "exchange without address": (f"{D} MX 10 gone.{D}", ["SENDER_MX_UNRESOLVABLE"]),
    "exchange on loopback": (f"{D} MX 10 mx.{D}\nmx.{D} A 127.0.0.1", ["SENDER_MX_NOWHERE"]),
    "address of nobody": (f"{D} A 10.0.0.1", ["SENDER_MX_NOWHERE"]),
    "MX times out": (f"{D} TIMEOUT", []),
    "exchange times out": (f"{D} MX 10 mx.{D}\nmx.{D} TIMEOUT", []),
    "address times out": (f"{D} TXT x\n{D} TIMEOUT A", []),
    "many exchanges": ("".join(f"{D} MX {n} gone{n}.{D}\n" for n in range(9)), []),
}


@pytest.mark.parametrize(("zone", "symbols"), SENDERS.values(), ids=SENDERS)
def test_reverse_path_is_judged(zone: str, symbols: list[str]) -> None:
    found = run(sender.CHECK, a_transaction(mail_from=f"joe@{D}"), zone)
    assert found.symbols == symbols
    assert [q.name for q in found.unannounced if q.name == D] == []
    assert len(found.asked) <= 3 + 2 * sender.MAX_EXCHANGES


@pytest.mark.parametrize(
    "path", ["joe", "joe@localhost", "joe@a..b", "joe@", "joe@exa mple.org"]
)
def test_path_without_a_domain_is_invalid(path: str) -> None:
    found = run(sender.CHECK, a_transaction(mail_from=path))
    assert found.symbols == ["SENDER_INVALID"]
    assert found.asked == ()


@pytest.mark.parametrize(
    "facts",
    [
        {"mail_from": ""},
        {"auth_user": "joe"},
        {"is_local": True},
        {"client": "unknown"},
    ],
)
def test_nothing_is_asked_or_said(facts: dict[str, object]) -> None:
    found = run(sender.CHECK, a_transaction(**facts))  # type: ignore[arg-type]
    assert (found.evidence, found.announced) == ((), frozenset())


def test_domain_literal_is_not_looked_up() -> None:
    found = run(sender.CHECK, a_transaction(mail_from="joe@[192.0.2.1]"))
    assert (found.evidence, found.announced) == ((), frozenset())

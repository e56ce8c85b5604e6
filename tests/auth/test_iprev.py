from __future__ import annotations

import pytest

from filterd.auth.iprev import MAX_NAMES, Reverse, evaluate
from filterd.core.lookup import Answer, Question
from filterd.core.transaction import client_address
from filterd.dns.zone import Zone

PTR4 = "1.2.0.192.in-addr.arpa"
PTR6 = ".".join(reversed("20010db8000000000000000000000001")) + ".ip6.arpa"


def found(zone: str, client: str = "192.0.2.1") -> Reverse:
    address = client_address(client)
    assert address is not None
    return evaluate(address, Zone(zone).ask)


@pytest.mark.parametrize(
    ("zone", "client", "result", "confirmed"),
    [
        (f"{PTR4} PTR a.example\na.example A 192.0.2.1", "192.0.2.1", "pass", "a.example"),
        (
            f"{PTR6} PTR a.example\na.example AAAA 2001:db8::1",
            "2001:db8::1",
            "pass",
            "a.example",
        ),
        (
            f"{PTR4} PTR a.example\n{PTR4} PTR b.example\nb.example A 192.0.2.1\na.example SERVFAIL",
            "192.0.2.1",
            "pass",
            "b.example",
        ),
        (f"{PTR4} PTR a.example\na.example A 192.0.2.2", "192.0.2.1", "fail", ""),
        (f"{PTR4} PTR a.example", "192.0.2.1", "fail", ""),
        (f"{PTR4} PTR a.example\na.example TIMEOUT", "192.0.2.1", "temperror", ""),
        (f"{PTR4} TIMEOUT", "192.0.2.1", "temperror", ""),
        ("", "192.0.2.1", "permerror", ""),
        (f"{PTR4} TXT x", "192.0.2.1", "permerror", ""),
        (f"{PTR4} PTR .", "192.0.2.1", "permerror", ""),
        (
            f"{PTR4} CNAME 1.sub.example\n1.sub.example PTR a.example\na.example A 192.0.2.1",
            "192.0.2.1",
            "pass",
            "a.example",
        ),  # RFC 2317
    ],
)
def test_result(zone: str, client: str, result: str, confirmed: str) -> None:
    reverse = found(zone, client)
    assert (reverse.result.result, reverse.confirmed) == (result, confirmed)
    assert reverse.result.get("policy.iprev") == client


def test_names_looked_at_are_bounded() -> None:
    asked: list[Question] = []
    zone = Zone(
        "".join(f"{PTR4} PTR n{n}.example\nn{n}.example A 192.0.2.9\n" for n in range(50))
    )

    def ask(question: Question) -> Answer:
        asked.append(question)
        return zone.ask(question)

    client = client_address("192.0.2.1")
    assert client is not None
    assert evaluate(client, ask).result.result == "fail"
    assert len(asked) == 1 + MAX_NAMES

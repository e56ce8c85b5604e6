from __future__ import annotations

import pytest

from filterd.core.evidence import AuthResult, Hit
from filterd.core.transaction import Envelope, Session, client_address
from tests.support.builders import a_transaction


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("IPv6:2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("IPv6:fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("/var/run/sock", None),
        ("", None),
        ("192.0.2.256", None),
        ("192.0.2.1\n", None),
    ],
)
def test_the_client_is_an_address_or_nothing(text: str, address: str | None) -> None:
    found = client_address(text)
    assert (str(found) if found else None) == address


@pytest.mark.parametrize(
    ("path", "domain"),
    [
        ("a@Example.ORG", "example.org"),
        ("", ""),
        ("postmaster", ""),
        ('"a@b"@example.org', "example.org"),
    ],
)
def test_the_domain_of_a_reverse_path(path: str, domain: str) -> None:
    assert Envelope(path).domain == domain


def test_who_logged_in_is_authenticated() -> None:
    assert Session(auth_user="joe").is_authenticated
    assert not Session().is_authenticated


def test_results_and_hits_are_found_among_the_evidence() -> None:
    spf, dkim = AuthResult("spf", "pass"), AuthResult("dkim", "none")
    tx = a_transaction(evidence=[spf, Hit("A", "1"), dkim, Hit("A", "2"), Hit("B_X")])
    assert tx.auth("spf") == (spf,)
    first = tx.hit("A")
    assert first is not None
    assert first.detail == "1"
    assert tx.hit("C") is None
    assert [hit.symbol for hit in tx.hits] == ["A", "A", "B_X"]
    assert tx.has_hit(("B_*",))
    assert not tx.has_hit(("B_Y", "C_*"))

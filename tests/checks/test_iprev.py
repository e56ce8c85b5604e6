from __future__ import annotations

import pytest

from filterd.checks import iprev
from tests.support.announced import run
from tests.support.builders import a_transaction

PTR = "1.2.0.192.in-addr.arpa PTR host.example\n"


@pytest.mark.parametrize(
    ("zone", "result", "symbols"),
    [
        (PTR + "host.example A 192.0.2.1", "pass", []),
        (PTR + "host.example A 192.0.2.2", "fail", ["IPREV_FAIL"]),
        ("", "permerror", ["IPREV_PERMERROR"]),
        ("1.2.0.192.in-addr.arpa TIMEOUT", "temperror", []),
        (PTR + "host.example SERVFAIL", "temperror", []),
    ],
)
def test_result_and_symbol(zone: str, result: str, symbols: list[str]) -> None:
    found = run(iprev.CHECK, a_transaction(client="192.0.2.1"), zone)
    assert [each.result for each in found.results] == [result]
    assert found.symbols == symbols


def test_questions_are_announced_where_the_mta_knows_the_name() -> None:
    tx = a_transaction(client="192.0.2.1", client_name="host.example")
    found = run(iprev.CHECK, tx, PTR + "host.example A 192.0.2.1")
    assert len(found.asked) == 2
    assert found.unannounced == []


def test_client_without_address_has_no_result() -> None:
    found = run(iprev.CHECK, a_transaction(client="unknown"))
    assert (found.evidence, found.asked, found.announced) == ((), (), frozenset())

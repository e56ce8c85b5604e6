from __future__ import annotations

import pytest

from filterd.checks import connection
from filterd.checks.connection import judge
from filterd.core.transaction import client_address
from tests.support.announced import run
from tests.support.builders import a_transaction

NAMES = [
    # name, address, symbol
    ("201-92-221-217.dsl.telesp.net.br", "201.92.221.217", "RDNS_DYNAMIC"),
    ("dsl-189-142-130-102.prod-infinitum.com.mx", "189.142.130.102", "RDNS_DYNAMIC"),
    ("p5b1a2c3d.dip0.t-ipconnect.de", "91.26.44.61", "RDNS_DYNAMIC"),
    ("abcj131.neoplus.adsl.tpnet.pl", "83.6.225.131", "RDNS_DYNAMIC"),
    ("c-73-1-2-3.hsd1.ca.example.net", "73.1.2.3", "RDNS_DYNAMIC"),
    ("18913026139.user.veloxzone.com.br", "189.130.26.139", "RDNS_DYNAMIC"),
    ("064.003.219.196.pool.example.net", "64.3.219.196", "RDNS_DYNAMIC"),
    ("ec2-203-0-113-9.compute.example.com", "203.0.113.9", "RDNS_GENERIC"),
    ("9.113.0.203.example.net", "203.0.113.9", "RDNS_GENERIC"),
    ("cb007109.example.net", "203.0.113.9", "RDNS_GENERIC"),
    ("3405803785.example.net", "203.0.113.9", "RDNS_GENERIC"),
    ("2001-db8-1-2-3-4-5-6.dyn.example.net", "2001:db8:1:2:3:4:5:6", "RDNS_DYNAMIC"),
    ("20010db8000100020003000400050006.example.net", "2001:db8:1:2:3:4:5:6", "RDNS_GENERIC"),
    ("static-203-0-113-9.example.net", "203.0.113.9", ""),
    ("mail-203-0-113-9.example.net", "203.0.113.9", ""),
    ("mta-203-0-113-9.sparkpostmail.com", "203.0.113.9", ""),
    ("kl-203-0-113-9.kmta.shared.klaviyomail.com", "203.0.113.9", ""),
    ("a9.smtp-out.example.net", "203.0.113.9", ""),
    ("mail.example.org", "203.0.113.9", ""),
    ("mail9.example.org", "203.0.113.9", ""),
    ("ns9.example.org", "203.0.113.9", ""),
    ("cable.example.org", "203.0.113.9", ""),
    ("mail-wr1-f41.google.com", "209.85.221.41", ""),
    ("host.example.org", "2001:db8::1", ""),
    ("", "203.0.113.9", ""),
]


@pytest.mark.parametrize(
    ("name", "address", "symbol"), NAMES, ids=[name for name, _, _ in NAMES]
)
def test_name_is_judged(name: str, address: str, symbol: str) -> None:
    client = client_address(address)
    assert client is not None
    assert judge(name, client) == symbol


def ptr(*names: str) -> str:
    return "".join(f"9.113.0.203.in-addr.arpa PTR {name}.\n" for name in names)


@pytest.mark.parametrize(
    ("names", "symbols"),
    [
        (("203-0-113-9.dsl.example.net",), ["RDNS_DYNAMIC"]),
        (("203-0-113-9.dsl.example.net", "203-0-113-9.example.net"), ["RDNS_GENERIC"]),
        (("203-0-113-9.dsl.example.net", "mail.example.org"), []),
        ((), []),
    ],
)
def test_best_of_all_names_counts(names: tuple[str, ...], symbols: list[str]) -> None:
    found = run(connection.CHECK, a_transaction(client="203.0.113.9"), ptr(*names))
    assert found.symbols == symbols
    assert found.unannounced == []


@pytest.mark.parametrize(
    "facts", [{"auth_user": "joe"}, {"is_local": True}, {"client": "unknown"}]
)
def test_nothing_is_said_of_our_own_clients(facts: dict[str, object]) -> None:
    tx = a_transaction(**{"client": "203.0.113.9", **facts})  # type: ignore[arg-type]
    assert run(connection.CHECK, tx, ptr("203-0-113-9.dsl.example.net")).evidence == ()

from __future__ import annotations

import time
from pathlib import Path

import pytest

from filterd.core.lookup import Answer, Resolver, RRType, Status, question
from filterd.dns import MAX_SERVERS, open_resolver, system_servers
from filterd.dns.settings import DnsSettings
from filterd.dns.zone import Zone
from tests.support.nameserver import Nameserver

ZONE = """
a.example.org 60 A 192.0.2.1
a.example.org 60 AAAA 2001:db8::1
to.example.org 60 CNAME a.example.org
t.example.org 60 TXT "v=spf1 " "-all"
t.example.org 60 TXT "\\255 second"
m.example.org 60 MX 10 a.example.org
n.example.org 60 MX 0 .
1.2.0.192.in-addr.arpa 60 PTR a.example.org
*.wild.example.org 60 A 127.0.0.2
"""
NAMES = [
    "a.example.org",
    "to.example.org",
    "t.example.org",
    "m.example.org",
    "n.example.org",
    "1.2.0.192.in-addr.arpa",
    "x.wild.example.org",
    "wild.example.org",
    "nowhere.example.org",
    "a..b",
]


def content(answer: Answer) -> tuple[object, ...]:
    return (
        answer.status,
        sorted(answer.names),
        sorted(answer.addresses),
        sorted(answer.mx),
        sorted(answer.txt),
    )


@pytest.mark.parametrize(
    "rrtype", [RRType.A, RRType.AAAA, RRType.TXT, RRType.MX, RRType.PTR, RRType.CNAME]
)
def test_contract_network_and_zone_answer_alike(rrtype: RRType) -> None:
    with Nameserver(ZONE) as server:
        text = f"127.0.0.1:{server.address[1]}"
        resolver: Resolver = open_resolver(DnsSettings(servers=(text,)))
        reference: Resolver = Zone(ZONE)
        try:
            resolver.prefetch([question(name, rrtype) for name in NAMES])
            for name in NAMES:
                asked = question(name, rrtype)
                deadline = time.monotonic() + 5
                expected = content(reference.ask(asked, deadline))
                assert content(resolver.ask(asked, deadline)) == expected
                assert content(resolver.ask(asked, deadline)) == expected  # from the cache
        finally:
            resolver.close()
            reference.close()


def test_resolver_opens_nothing_before_the_first_question() -> None:
    with Nameserver(ZONE) as server:
        resolver = open_resolver(DnsSettings(servers=(f"127.0.0.1:{server.address[1]}",)))
        assert resolver.stats()["questions"] == 0
        assert (
            resolver.ask(question("a.example.org", RRType.A), time.monotonic() + 5).status
            is Status.OK
        )
        assert resolver.stats()["received"] == 1
        resolver.close()


def test_servers_of_resolv_conf(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# x\nsearch example.org\nnameserver 192.0.2.1\nnameserver\nnameserver fe80::1%eth0\n"
        "nameserver junk\n" + "nameserver 192.0.2.9\n" * 20
    )
    found = system_servers(path)
    assert found[:2] == (("192.0.2.1", 53), ("fe80::1%eth0", 53))
    assert len(found) == MAX_SERVERS


@pytest.mark.parametrize("text", [None, "search example.org\n"])
def test_local_host_is_asked_where_nothing_is_said(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text)
    assert system_servers(path) == (("127.0.0.1", 53),)

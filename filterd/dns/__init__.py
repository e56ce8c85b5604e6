"""dns - questions and answers: the only door to dnspython.

`open_resolver` gives the caching stub of a worker, `zone.Zone` the one that answers from text.
"""

from __future__ import annotations

from pathlib import Path

from filterd.dns.cache import Cache
from filterd.dns.peers import Server
from filterd.dns.settings import DNS_PORT, DnsSettings, parse_server
from filterd.dns.stub import Stub

RESOLV_CONF = Path("/etc/resolv.conf")
MAX_SERVERS = 8
FALLBACK: Server = ("127.0.0.1", DNS_PORT)


def system_servers(path: Path = RESOLV_CONF) -> tuple[Server, ...]:
    """The nameservers of resolv.conf; the local host where there are none (resolv.conf(5))."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    found: list[Server] = []
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                host, _ = parse_server(f"[{words[1]}]")
            except ValueError:
                continue
            found.append((host, DNS_PORT))
    return tuple(found[:MAX_SERVERS]) or (FALLBACK,)


def open_resolver(settings: DnsSettings) -> Cache:
    """The resolver of one process; sockets and thread come with the first question, after fork."""
    servers = tuple(parse_server(text) for text in settings.servers) or system_servers()
    stub = Stub(
        servers,
        budget=settings.timeout,
        retransmit=settings.retransmit,
        moved=settings.moved,
    )
    return Cache(
        stub,
        entries=settings.cache_entries,
        size=settings.cache_size,
        min_ttl=settings.min_ttl,
        max_ttl=settings.max_ttl,
        max_negative_ttl=settings.max_negative_ttl,
        hold=settings.hold,
    )

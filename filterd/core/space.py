"""space - which addresses belong to the public Internet, and which to nobody else's network.

Owns:   is_public. Addresses set aside for documentation (RFC 5737, RFC 3849) count as public: they stand for
        public ones in tests and examples.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network

_ELSEWHERE = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # RFC 1122 3.2.1.3
        "10.0.0.0/8",  # RFC 1918
        "100.64.0.0/10",  # RFC 6598
        "127.0.0.0/8",
        "169.254.0.0/16",  # RFC 3927
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",  # multicast, reserved
        "::/127",  # unspecified, loopback
        "fc00::/7",  # RFC 4193
        "fe80::/9",  # link-local, site-local
        "ff00::/8",
    )
)


@lru_cache(maxsize=512)
def is_public(address: IPv4Address | IPv6Address) -> bool:
    """False for loopback, private, link-local, multicast and reserved addresses."""
    return not any(
        address.version == network.version and address in network for network in _ELSEWHERE
    )

"""relay - who really sent it, where the client is a relay that we trust.

Owns:   the newest hop that is not ours or trusted, as a Session.
Not here: reading of Received (mail.trace), which relays are trusted (`trusted_networks`).
Rules of this file: a Received field is believed only if everything above it was written by trusted
        hosts: the walk starts at the client and ends at the first address that is not trusted. What
        lies below that was written by a stranger.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network

from filterd.core.transaction import Address, Session, client_address
from filterd.limits import LIMITS
from filterd.mail.trace import Hop

Networks = Sequence[IPv4Network | IPv6Network]


def is_within(client: Address, networks: Networks) -> bool:
    """Whether an address lies in one of the networks."""
    return any(client.version == network.version and client in network for network in networks)


def behind(session: Session, hops: Iterable[Hop], trusted: Networks) -> Session:
    """Return the session of the client behind trusted relays; the same one where there is none.

    The client's name and HELO are the relay's account of them. Where a relay does not say from
    whom it had the message (local submission there), the result has no client: nothing can be
    said of it, and checks of the connection say nothing.
    """
    if session.client is None or not is_within(session.client, trusted):
        return session
    for number, hop in enumerate(hops):
        if number >= LIMITS.received_hops:
            break
        client = client_address(hop.from_address)
        if client is None:
            return dataclasses.replace(session, client=None, client_name="", helo="")
        if client.is_loopback or is_within(client, trusted):
            continue  # a content filter of the relay's own, or the next relay
        return dataclasses.replace(
            session, client=client, client_name=hop.from_rdns, helo=hop.from_name
        )
    return session

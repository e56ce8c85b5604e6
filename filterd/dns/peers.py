"""peers - the recursive servers: which one a try goes to, and over which socket.

Owns:   the order of the servers, who is passed over for keeping silent, the UDP sockets.
Not here: what is sent (stub.py), who reads the sockets (inbox.py).
Rules of this file: sockets are connected (so the kernel drops what comes from elsewhere), take random ports
        and give way to others after SENDS_PER_PORT queries (RFC 5452 9.2).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from filterd.dns.flight import Channel
from filterd.dns.inbox import Inbox

SOCKETS_PER_SERVER = 4
SENDS_PER_PORT = 512  # queries before a socket gives way to one with another random port
MISSES = 3  # silent tries before a server goes to the end of the order
BENCH_SECONDS = 15.0  # and for how long
REOPEN_SECONDS = 5.0  # between tries to open sockets that could not be opened

Server = tuple[str, int]  # address, port


@dataclass(slots=True, eq=False)
class _Peer:
    """One server and how it behaves."""

    address: Server
    channels: list[Channel] = field(default_factory=list)
    misses: int = 0
    benched_until: float = 0.0


class Peers:
    """All servers, in the order of the settings."""

    def __init__(self, servers: Sequence[Server], inbox: Inbox, patience: float) -> None:
        self._peers = [_Peer(server) for server in servers]
        self._inbox = inbox
        self._patience = patience  # seconds that a reply to a replaced socket may still come
        self._retired: list[tuple[float, Channel]] = []
        self._reopen_at = 0.0
        self._open_missing()

    # -- which server ---------------------------------------------------------------------------

    def choose(self, tries: int, now: float) -> int:
        """The server for this try: in the settings' order, benched ones last, one on each time."""
        if len(self._peers) == 1:
            return 0
        order = sorted(
            range(len(self._peers)), key=lambda i: (self._peers[i].benched_until > now, i)
        )
        return order[(tries - 1) % len(order)]

    def channel(self, index: int, roll: int, now: float) -> Channel | None:
        """One of the server's sockets, by a random number; None while it has none."""
        channels = self._peers[index].channels
        if not channels:
            return None
        place = roll % len(channels)
        channel = channels[place]
        if channel.sends >= SENDS_PER_PORT:
            fresh = self._open(index)
            if fresh is not None:
                channels[place] = fresh
                self._retired.append((now + self._patience, channel))
                return fresh
        return channel

    def missed(self, index: int, now: float) -> None:
        """A try was not answered."""
        peer = self._peers[index]
        peer.misses += 1
        if peer.misses >= MISSES:
            peer.benched_until = now + BENCH_SECONDS

    def heard(self, index: int) -> None:
        """A try was answered."""
        peer = self._peers[index]
        peer.misses = 0
        peer.benched_until = 0.0

    def benched(self, now: float) -> tuple[str, ...]:
        """Servers that are passed over just now."""
        return tuple(
            f"{host}:{port}"
            for (host, port), until in ((p.address, p.benched_until) for p in self._peers)
            if until > now
        )

    # -- sockets --------------------------------------------------------------------------------

    @property
    def has_retired(self) -> bool:
        """Whether replaced sockets wait to be closed."""
        return bool(self._retired)

    def tidy(self, now: float) -> None:
        """Close replaced sockets nobody waits for any more, open those that could not be opened."""
        if self._retired:
            self._retired = [
                (until, channel)
                for until, channel in self._retired
                if (channel.flights and until > now) or not self._inbox.remove(channel)
            ]
        if now >= self._reopen_at:
            self._reopen_at = now + REOPEN_SECONDS
            self._open_missing()

    def _open_missing(self) -> None:
        for index, peer in enumerate(self._peers):
            while len(peer.channels) < SOCKETS_PER_SERVER:
                channel = self._open(index)
                if channel is None:
                    break
                peer.channels.append(channel)

    def _open(self, index: int) -> Channel | None:
        host, port = self._peers[index].address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.connect((host, port))
        except OSError:  # no route just now
            opened.close()
            return None
        channel = Channel(opened, index)
        self._inbox.add(channel)
        return channel

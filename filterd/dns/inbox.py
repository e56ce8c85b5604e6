"""inbox - the UDP sockets that replies come to, and whose turn it is to read them.

Owns:   Inbox: one epoll over all sockets, the turn to read, the waiting of those whose turn it is not.
Not here: what a reply means (stub.py), when sockets are opened and given up (peers.py).

Whoever waits for an answer reads the sockets himself, for everybody: no thread has to be woken to hand
him what he waits for. One at a time has the turn; the others sleep until their answer is there or
the turn is theirs. The reader thread takes what is left when nobody has waited for it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from filterd.dns.flight import Bell, Channel, Flight

MAX_EVENTS = 16  # sockets read between two looks at the clock
LONGEST = 3600.0  # seconds of one sleep; deadlines may be infinite, system calls want a number


class Inbox:
    """Thread-safe. `readable` is called for a socket with replies, by whoever has the turn."""

    def __init__(self, readable: Callable[[Channel], None]) -> None:
        self._readable = readable
        self._epoll = select.epoll()
        self._channels: dict[int, Channel] = {}
        self._turn = threading.Lock()
        self._bells: list[Bell] = []  # of those who wait for the turn
        self._watched: Flight | None = None  # what the one in epoll waits for
        self._nudged, self._nudge = socket.socketpair()
        for end in (self._nudged, self._nudge):
            end.setblocking(False)
        self._epoll.register(self._nudged, select.EPOLLIN)

    def fileno(self) -> int:
        """Readable while there is something to read."""
        return self._epoll.fileno()

    def add(self, channel: Channel) -> None:
        self._channels[channel.socket.fileno()] = channel
        self._epoll.register(channel.socket, select.EPOLLIN)

    def remove(self, channel: Channel) -> bool:
        """Close a channel's socket; False, and nothing done, while somebody reads."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            self._epoll.unregister(channel.socket)
            del self._channels[channel.socket.fileno()]
            channel.socket.close()
        finally:
            self._end_turn()
        return True

    def wait(self, flight: Flight, deadline: float) -> None:
        """Return when the flight has landed, or at the deadline; read meanwhile, or let read."""
        while flight.answer is None and (left := deadline - time.monotonic()) > 0:
            if self._turn.acquire(blocking=False):
                try:
                    self._read_for(flight, deadline, left)
                finally:
                    self._turn.release()
            else:
                self._sleep(flight, min(left, LONGEST))
        self._call_next()  # the turn was ours, or we have been called to it and do not need it

    def collect(self) -> None:
        """Read what has come; nothing while somebody else reads."""
        if self._turn.acquire(blocking=False):
            try:
                self._take(0.0)
            finally:
                self._end_turn()

    def landed(self, flight: Flight) -> None:
        """A flight landed other than by a packet read here: tell the one who reads for it."""
        if self._watched is flight:
            with contextlib.suppress(BlockingIOError):
                self._nudge.send(b"\0")

    def _end_turn(self) -> None:
        self._turn.release()
        self._call_next()

    def _call_next(self) -> None:
        """Wake one who waits for the turn, unless it is taken: then its owner will do so."""
        bells = self._bells
        if bells and not self._turn.locked():
            with contextlib.suppress(IndexError):  # he has left meanwhile
                bells[0].put(None)

    def close(self) -> None:
        """Close all sockets; no flight is under way any more."""
        with self._turn:
            self._epoll.close()
            for channel in self._channels.values():
                channel.socket.close()
            self._channels.clear()
            self._nudged.close()
            self._nudge.close()

    # -- with the turn ------------------------------------------------------------------------

    def _read_for(self, flight: Flight, deadline: float, left: float) -> None:
        """Take replies until the flight has landed."""
        while left > 0:
            self._watched = flight  # before the look, or a nudge could be missed
            if flight.answer is not None:
                break
            self._take(min(left, LONGEST))
            left = deadline - time.monotonic()
        self._watched = None

    def _take(self, timeout: float) -> None:
        """Wait so long for replies and have them read."""
        if self._epoll.closed:
            return
        events = self._epoll.poll(timeout, MAX_EVENTS)
        self._watched = None  # who reads here needs no nudge
        for number, _ in events:
            channel = self._channels.get(number)
            if channel is not None:
                self._readable(channel)
            elif number == self._nudged.fileno():
                self._nudged.recv(4096)

    # -- without ------------------------------------------------------------------------------

    def _sleep(self, flight: Flight, seconds: float) -> None:
        """Sleep until the flight has landed, or the turn may be ours."""
        bell: Bell = SimpleQueue()
        flight.bells.append(bell)
        self._bells.append(bell)
        try:
            if flight.answer is None and self._turn.locked():  # after the bells are hung
                bell.get(timeout=seconds)
        except Empty:
            pass
        finally:
            self._bells.remove(bell)
            flight.bells.remove(bell)

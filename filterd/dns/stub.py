"""stub - many questions over few UDP sockets, answers as flights, one thread for what nobody waits for.

Owns:   sending, retransmission, matching of replies, TCP on truncation.
Asks:   recursive servers.
Not here: the packet format (wire.py), which server and socket (peers.py), who reads (inbox.py), the
        thread (reader.py), TTLs and merging (cache.py).
Rules of this file: a reply counts only if server, port, id and question are those of a query under way
        (RFC 5452 9). Only the reader thread touches the selector. No lock is held while a callback runs.
        After fork the child starts anew: nothing of the parent's is used.

Callers send from their own thread and read the replies they wait for, so that a question costs three
system calls and no thread switch; the reader thread retransmits when it is time. While every
server keeps silent, new questions get SILENT_BUDGET seconds only, so that an outage of the resolver
does not hold up each mail for long.
`moved` zones are asked elsewhere (a keyed service), without anybody above having to know the key.
"""

from __future__ import annotations

import collections
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from filterd.core.lookup import NXDOMAIN, Answer, Question, tempfail
from filterd.dns import wire
from filterd.dns.flight import Channel, Flight
from filterd.dns.inbox import Inbox
from filterd.dns.peers import Peers, Server
from filterd.dns.reader import Reader
from filterd.dns.stream import Stream

MAX_FLIGHTS = 8_000  # questions under way; more are TEMPFAIL "overload"
MAX_STREAMS = 32  # TCP connections at once; more are TEMPFAIL "truncated"
SILENT_FLIGHTS = 8  # timed out in a row, nothing heard in between: the servers are silent
SILENT_BUDGET = 0.5  # seconds for a question while they are
LINGER = (
    5.0  # seconds after the last question in which the reader still looks at timers unasked
)
GRAIN = 0.01  # seconds between two looks over the flights
BATCH = 64  # packets of one socket read at once; more come at the next look
DATAGRAM = 4096  # bytes; more than EDNS_PAYLOAD cannot come
NEVER = float("inf")


@dataclass(slots=True)
class Counters:
    """What happened since the start; for status and metrics."""

    questions: int = 0
    sent: int = 0
    retransmitted: int = 0
    received: int = 0
    stray: int = 0  # replies nobody waits for, or with the wrong question
    tcp: int = 0
    timeouts: int = 0
    failures: int = 0  # SERVFAIL, REFUSED, garbage ...: answers that say nothing


class Stub:
    """Asks recursive servers; remembers nothing."""

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        budget: float = 4.0,
        retransmit: float = 1.0,
        moved: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.counters = Counters()
        self._servers = tuple(servers)
        self._moved = tuple((f".{zone}", f".{place}") for zone, place in moved.items())
        self._budget = budget
        self._retransmit = retransmit
        self._forget()
        this = weakref.ref(self)

        def after_fork() -> None:
            stub = this()
            if stub is not None:
                for flight in stub._under_way:  # noqa: SLF001
                    flight.answer = tempfail("closed")  # their replies go to the parent
                stub._forget()  # noqa: SLF001

        os.register_at_fork(after_in_child=after_fork)

    def _forget(self) -> None:
        """The state of a stub that has not started."""
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._closed = False
        self._under_way: set[Flight] = set()
        self._next_due = NEVER  # of what is under way, or earlier
        self._streams = 0
        self._sleeps_until = 0.0
        self._active_until = 0.0
        self._silence = 0
        self._truncated: collections.deque[tuple[Flight, int]] = collections.deque()

    # -- what callers use -------------------------------------------------------------------

    def start(self) -> None:
        """Open the sockets and start the reader; done by the first question otherwise."""
        with self._lock:
            if self._reader is not None or self._closed:
                return
            self._inbox = Inbox(self._readable)
            self._peers = Peers(self._servers, self._inbox, self._budget)
            self._reader = Reader(self._inbox, self._tick, self._end)
            self._selector = self._reader.selector

    def submit(
        self, question: Question, done: Callable[[Question, Answer], None] | None = None
    ) -> Flight:
        """Send a question and return its flight.

        `done` is called once, in whatever thread reads the reply, in this one if nothing can be sent.
        """
        if self._reader is None:
            self.start()
        now = time.monotonic()
        budget = min(self._budget, SILENT_BUDGET) if self.is_silent else self._budget
        flight = Flight(self, question, now + budget, done)
        for zone, place in self._moved:
            if question.name.endswith(zone):
                name = question.name.removesuffix(zone) + place
                flight.asked = Question(name, question.rrtype)
        try:
            flight.section = wire.question_section(flight.asked)
        except wire.WireError:
            flight.land(NXDOMAIN)  # a name that cannot be in the DNS is not in the DNS
            return flight
        with self._lock:
            if self._closed or len(self._under_way) >= MAX_FLIGHTS:
                failure = "closed" if self._closed else "overload"
            else:
                failure = ""
                self.counters.questions += 1
                self._under_way.add(flight)
                self._active_until = now + LINGER
                self._send(flight, now)
                is_asleep = flight.due < self._sleeps_until
        if failure:
            flight.land(tempfail(failure))
        elif is_asleep:
            self._wake()
        return flight

    def ask(self, question: Question, deadline: float) -> Answer:
        return self.submit(question).wait(deadline)

    def wait(self, flight: Flight, deadline: float) -> None:
        """Return when the flight has landed, or at the deadline."""
        self._inbox.wait(flight, deadline)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        if self._reader is not None:
            self._reader.stop()

    @property
    def is_silent(self) -> bool:
        """Whether no server has answered lately though asked."""
        return self._silence >= SILENT_FLIGHTS

    @property
    def benched(self) -> tuple[str, ...]:
        """Servers passed over just now because they kept silent."""
        return self._peers.benched(time.monotonic()) if self._reader is not None else ()

    def _wake(self) -> None:
        if self._reader is not None:
            self._reader.wake()

    # -- sending; the lock is held ------------------------------------------------------------

    def _send(self, flight: Flight, now: float) -> None:
        """Send one try and set its timer."""
        flight.tries += 1
        for _ in self._servers:
            roll = int.from_bytes(os.urandom(3), "big")  # an id, and what chooses the port
            index = self._peers.choose(flight.tries, now)
            channel = self._peers.channel(index, roll >> 16, now)
            flight.server = index
            if channel is not None and self._send_on(channel, flight, roll & 0xFFFF):
                break
            self._peers.missed(index, now)
            flight.tries += 1
        interval = self._retransmit * (1.0 if flight.tries <= 2 else 2.0)
        self._set_timer(flight, now + interval)

    def _set_timer(self, flight: Flight, due: float) -> None:
        flight.due = min(due, flight.expires)
        self._next_due = min(self._next_due, flight.due)

    def _send_on(self, channel: Channel, flight: Flight, query_id: int) -> bool:
        while query_id in channel.flights:
            query_id = int.from_bytes(os.urandom(2), "big")
        channel.sends += 1
        packet = wire.query(flight.section, query_id, edns=flight.edns)
        channel.flights[query_id] = flight  # before it is sent: the reply may be faster than we
        flight.slots.append((channel, query_id))
        try:
            try:
                channel.socket.send(packet)
            except ConnectionRefusedError:  # an earlier packet's ICMP; this one is not sent yet
                channel.socket.send(packet)
        except BlockingIOError:
            pass  # the send buffer is full: as if the packet had been lost
        except OSError:
            del channel.flights[query_id]
            flight.slots.pop()
            return False
        self.counters.sent += 1
        return True

    def _release(self, flight: Flight) -> bool:
        """Take a flight off the books; False if it had landed already."""
        if flight not in self._under_way:
            return False
        self._under_way.discard(flight)
        for channel, query_id in flight.slots:
            if channel.flights.get(query_id) is flight:
                del channel.flights[query_id]
        flight.slots.clear()
        if flight.stream is not None:
            self._close_stream(flight)
        return True

    # -- timers, in the reader thread ----------------------------------------------------------

    def _tick(self) -> float | None:
        """Run the timers that are due; returns seconds to sleep, None for no limit."""
        now = time.monotonic()
        expired: list[Flight] = []
        while self._truncated:
            self._over_tcp(*self._truncated.popleft())
        with self._lock:
            if self._next_due <= now:
                self._next_due = NEVER
                for flight in tuple(self._under_way):
                    if flight.due <= now:
                        self._time_out(flight, now, expired)
                    else:
                        self._set_timer(flight, flight.due)
                self._next_due = max(self._next_due, now + GRAIN)
            self._peers.tidy(now)
            until = self._next_due if self._under_way else NEVER
            if self._active_until > now or self._peers.has_retired:
                until = min(until, now + self._retransmit)
            self._sleeps_until = until
        for flight in expired:
            self._give(flight, tempfail("timeout"))
        return None if until == NEVER else max(until - now, 0.0)

    def _time_out(self, flight: Flight, now: float, expired: list[Flight]) -> None:
        """A try was not answered in time: another one, or the end."""
        if flight.stream is None:
            self._peers.missed(flight.server, now)
        elif now < min(flight.stream.due, flight.expires):
            self._set_timer(flight, flight.stream.due)
            return
        if now >= flight.expires:
            self._release(flight)
            self.counters.timeouts += 1
            self._silence += 1
            expired.append(flight)
            return
        if flight.stream is not None:
            self._close_stream(flight)
        self.counters.retransmitted += 1
        self._send(flight, now)

    def _end(self) -> None:
        """The reader's last deed: land what is under way, close the sockets."""
        with self._lock:
            left = list(self._under_way)
            for flight in left:
                self._release(flight)
        for flight in left:
            self._give(flight, tempfail("closed"))
        self._inbox.close()

    # -- replies, in the thread that reads them -------------------------------------------------

    def _readable(self, channel: Channel) -> None:
        """Take what has come; as a rule that is all that is expected, and nobody looks for more."""
        for _ in range(BATCH):
            try:
                packet = channel.socket.recv(DATAGRAM)
            except BlockingIOError:
                return
            except OSError:  # ICMP port unreachable: nobody listens there
                self._refused(channel)
                return
            self._arrived(channel, packet)
            if not channel.flights:
                return

    def _arrived(self, channel: Channel, packet: bytes) -> None:
        """A datagram came from a server; it counts if a query of this socket waits for it."""
        flight = channel.flights.get(int.from_bytes(packet[:2], "big"))
        if flight is None:
            self.counters.stray += 1
            return
        if not wire.is_reply_to(packet, flight.section):
            if flight.edns and wire.is_bare_error(packet):
                self._heard(channel.server)
                self._without_edns(flight)
                return
            self.counters.stray += 1
            return
        self.counters.received += 1
        self._heard(channel.server)
        self._judge(flight, packet, channel.server)

    def _heard(self, server: int) -> None:
        self._peers.heard(server)
        self._silence = 0

    def _judge(self, flight: Flight, packet: bytes, server: int) -> None:
        """Land a flight with what the packet says, or go on asking."""
        try:
            reply = wire.read_reply(packet, flight.asked, flight.section)
        except wire.WireError:
            self._failed(flight, "garbage")
            return
        if isinstance(reply, Answer):
            self._land(flight, reply)
        elif reply.truncated:
            self._truncated.append((flight, server))  # streams are the reader's
            self._wake()
        elif reply.alias:
            self._follow(flight, reply.alias)
        elif reply.rcode in {wire.FORMERR, wire.NOTIMP} and flight.edns:
            self._without_edns(flight)
        else:
            self._failed(flight, wire.RCODES.get(reply.rcode, f"rcode-{reply.rcode}"))

    def _land(self, flight: Flight, answer: Answer) -> None:
        """Land a flight, unless it has landed already."""
        with self._lock:
            is_ours = self._release(flight)
        if is_ours:
            self._give(flight, answer)

    def _give(self, flight: Flight, answer: Answer) -> None:
        """Land a flight that is off the books."""
        flight.land(answer)
        self._inbox.landed(flight)

    def _failed(self, flight: Flight, reason: str) -> None:
        """A server said that it cannot tell: the next one is asked, once each."""
        with self._lock:
            self.counters.failures += 1
            flight.errors += 1
            now = time.monotonic()
            goes_on = (
                flight.errors < len(self._servers)
                and now < flight.expires
                and flight in self._under_way
            )
            if goes_on:
                if flight.stream is not None:
                    self._close_stream(flight)
                self._send(flight, now)
        if not goes_on:
            self._land(flight, tempfail(reason))

    def _refused(self, channel: Channel) -> None:
        with self._lock:
            waiting = list(channel.flights.values())
            channel.flights.clear()
            self._peers.missed(channel.server, time.monotonic())
        for flight in waiting:
            self._failed(flight, "unreachable")

    def _without_edns(self, flight: Flight) -> None:
        """RFC 6891 7: a server that does not know EDNS0 is asked again without."""
        with self._lock:
            flight.edns = False
            flight.tries -= 1
            self._send(flight, time.monotonic())

    def _follow(self, flight: Flight, alias: str) -> None:
        """The server left the chain of aliases to us."""
        flight.alias_hops += 1
        if flight.alias_hops > wire.MAX_ALIASES:
            self._land(flight, tempfail("alias-loop"))
            return
        flight.asked = Question(alias, flight.question.rrtype)
        try:
            section = wire.question_section(flight.asked)
        except wire.WireError:
            self._land(flight, NXDOMAIN)
            return
        with self._lock:
            for channel, query_id in flight.slots:
                if channel.flights.get(query_id) is flight:
                    del channel.flights[query_id]
            flight.slots.clear()
            flight.section = section
            self._send(flight, time.monotonic())

    # -- TCP ----------------------------------------------------------------------------------

    def _over_tcp(self, flight: Flight, server: int) -> None:
        """Ask again over TCP (RFC 7766 5)."""
        if flight.stream is not None or flight.answer is not None:
            return
        if self._streams >= MAX_STREAMS:
            self._failed(flight, "truncated")
            return
        self.counters.tcp += 1
        query_id = int.from_bytes(os.urandom(2), "big")
        query = wire.query(flight.section, query_id)

        def finished(packet: bytes | None) -> None:
            is_reply = (
                packet is not None
                and packet[:2] == query[:2]
                and wire.is_reply_to(packet, flight.section)
            )
            with self._lock:
                if flight.stream is stream:
                    self._close_stream(flight)
            if packet is not None and is_reply and not packet[2] & 0x02:
                self._judge(flight, packet, server)
            else:
                self._failed(flight, "tcp")

        self._streams += 1
        stream = Stream(self._selector, self._servers[server], query, finished)
        stream.due = time.monotonic() + 2 * self._retransmit  # three round trips and the data
        flight.stream = stream
        stream.open()

    def _close_stream(self, flight: Flight) -> None:
        if flight.stream is not None:
            flight.stream.close()
            flight.stream = None
            self._streams -= 1

"""nameserver - a DNS server on loopback, in this process, that answers from zone text and fails on order.

Owns:   UDP and TCP on one port of its own, packets made by dnspython (not by the code under test).
A fault is a word for a (name, type): "drop", "servfail", "refused", "formerr", "nxdomain", "truncate"
(UDP cut, TCP whole), "truncate-always", "tcp-hang", "garbage", "empty", "wrong-id", "wrong-question", "loop",
"huge" (a 64-kB answer over TCP), "half" (the packet ends within a record), "alias-only", "no-edns",
"referral", "slow".
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from deploy.demo.running import Running
from filterd.core.lookup import Answer, RRType, Status, question
from filterd.dns.zone import Zone

Fault = Callable[[str, str], str]
SOA = "ns.invalid. hostmaster.invalid. 1 3600 600 86400 60"


def no_fault(_name: str, _kind: str) -> str:
    return ""


class Nameserver(Running):
    """Use as a context manager; `address` is (host, port)."""

    def __init__(self, zone: str = "", *, fault: Fault = no_fault, delay: float = 0.0) -> None:
        self.zone = Zone(zone)
        self.fault = fault
        self.delay = delay  # seconds before each answer; questions do not wait for one another
        self.log: list[tuple[str, str, str]] = []  # name, type, "udp" or "tcp"
        self.ports: set[int] = set()  # that questions came from
        self.ids: list[int] = []
        self._udp, self._tcp = _one_port()
        self.address: tuple[str, int] = self._udp.getsockname()
        self._stop, self._stopped = socket.socketpair()
        self._later: list[tuple[float, bytes, tuple[str, int]]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.send(b"x")
        self._thread.join(5)
        for each in (self._udp, self._tcp, self._stop, self._stopped):
            each.close()

    def asked(self, name: str, kind: str = "") -> int:
        """How often a name (and type) was asked for."""
        return sum(1 for n, k, _ in self.log if n == name and kind in {"", k})

    # -- the loop -----------------------------------------------------------------------------

    def _serve(self) -> None:
        selector = selectors.DefaultSelector()
        for each in (self._udp, self._tcp, self._stopped):
            each.setblocking(False)
            selector.register(each, selectors.EVENT_READ)
        while True:
            timeout = max(self._later[0][0] - time.monotonic(), 0) if self._later else None
            ready = {key.fileobj for key, _ in selector.select(timeout)}
            if self._stopped in ready:
                break
            if self._udp in ready:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        packet, peer = self._udp.recvfrom(4096)
                        self.ports.add(peer[1])
                        reply, extra = self._reply(packet, "udp")
                        if reply is not None:
                            due = time.monotonic() + self.delay + extra
                            self._later.append((due, reply, peer))
                            self._later.sort(key=lambda each: each[0])
            if self._tcp in ready:
                with contextlib.suppress(OSError):
                    peer_socket, _ = self._tcp.accept()
                    threading.Thread(
                        target=self._stream, args=(peer_socket,), daemon=True
                    ).start()
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                _, reply, peer = self._later.pop(0)
                with contextlib.suppress(OSError):
                    self._udp.sendto(reply, peer)
        selector.close()

    def _stream(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            peer.settimeout(10)
            length = int.from_bytes(peer.recv(2), "big")
            packet = b""
            while len(packet) < length:
                chunk = peer.recv(length - len(packet))
                if not chunk:
                    return
                packet += chunk
            reply, extra = self._reply(packet, "tcp")
            if reply is None:
                with contextlib.suppress(OSError):
                    peer.recv(1)  # until the other side gives up
                return
            time.sleep(self.delay + extra)
            peer.sendall(len(reply).to_bytes(2, "big") + reply)

    # -- answers ------------------------------------------------------------------------------

    def _reply(self, packet: bytes, transport: str) -> tuple[bytes | None, float]:
        """The reply, None for silence, and extra seconds to wait before it."""
        query = dns.message.from_wire(packet)
        asked = query.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(asked.rdtype)
        self.log.append((name, kind, transport))
        self.ids.append(query.id)
        fault = self.fault(name, kind)
        if fault == "drop":
            return None, 0
        if fault == "no-edns" and query.edns >= 0:
            return packet[:2] + b"\x80\x01" + bytes(8), 0
        reply = dns.message.make_response(query, recursion_available=fault != "referral")
        if fault in {"servfail", "refused", "formerr", "nxdomain"}:
            reply.set_rcode(dns.rcode.from_text(fault.upper()))
        elif fault == "loop":
            other = f"loop.{name}."
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", other))
            reply.answer.append(dns.rrset.from_text(other, 60, "IN", "CNAME", f"{name}."))
        elif fault == "alias-only":
            target = f"alias.{name}."
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", target))
        elif fault == "referral":
            reply.authority.append(dns.rrset.from_text("org.", 60, "IN", "NS", "ns.org."))
        elif fault == "huge":
            text = " ".join(['"' + "x" * 250 + '"'] * 250)
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", text))
        elif fault != "empty":
            self._fill(reply, asked.name, name, kind)
        return self._spoil(reply, fault, transport), 0.3 if fault == "slow" else 0

    def _spoil(self, reply: dns.message.Message, fault: str, transport: str) -> bytes | None:
        """The packet, broken as ordered."""
        if fault == "tcp-hang" and transport == "tcp":
            return None
        is_cut = fault in {"truncate", "huge", "tcp-hang"} and transport == "udp"
        if is_cut or fault == "truncate-always":
            reply.answer.clear()
            reply.flags |= dns.flags.TC
        packet = bytearray(reply.to_wire(max_size=65535, multi=True))
        if fault == "garbage":
            end = (
                packet.index(0, 12) + 5
            )  # header and question stay: it is our reply, and rubbish
            packet[end:] = b"\xff" * (len(packet) - end)
            packet[6:8] = b"\x00\x05"
            packet += b"\xff" * 20
        elif fault == "half":
            packet = packet[: len(packet) - 14]
            packet[6:8] = b"\x00\x02"
            packet[10:12] = b"\x00\x00"
        elif fault == "wrong-id":
            packet[0] ^= 0xFF
        elif fault == "wrong-question":
            packet[13] ^= 0x01
        return bytes(packet)

    def _fill(
        self, reply: dns.message.Message, owner: dns.name.Name, name: str, kind: str
    ) -> None:
        if kind not in RRType.__members__:
            return
        answer = self.zone.ask(question(name, RRType[kind]))
        if answer.status is Status.TEMPFAIL:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif answer.status is Status.OK:
            reply.answer.append(
                dns.rrset.from_text(owner, answer.ttl or 60, "IN", kind, *_data(answer))
            )
        else:
            if answer.status is Status.NXDOMAIN:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            reply.authority.append(dns.rrset.from_text("invalid.", 60, "IN", "SOA", SOA))


def _one_port() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same free port."""
    for _ in range(50):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind(("127.0.0.1", 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(udp.getsockname())
            tcp.listen(64)
        except OSError:  # another's TCP port
            udp.close()
            tcp.close()
            continue
        return udp, tcp
    raise OSError("no port is free for UDP and TCP both")


def _data(answer: Answer) -> list[str]:
    """The records as zone text."""
    texts = [_quoted(text) for text in answer.txt]
    exchanges = [f"{preference} {name}." for preference, name in answer.mx]
    return [*answer.addresses, *(f"{name}." for name in answer.names), *exchanges, *texts]


def _quoted(text: bytes) -> str:
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in piece) + '"' for piece in pieces)

"""nameserver - a DNS server on loopback that answers from zone text and from nothing else.

Owns:   Nameserver. UDP only: what the demo and the stories put in zones fits a datagram.
Not here: the meaning of zone text (filterd.dns.zone), faults beyond its TIMEOUT and SERVFAIL.
"""

from __future__ import annotations

import socketserver
import threading

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from deploy.demo.running import Running
from filterd.core.lookup import Answer, Question, RRType, Status
from filterd.dns.zone import Zone


class Nameserver(Running):
    """Answers from construction to `close`; `asked` counts questions by name."""

    def __init__(self, zone_text: str) -> None:
        self.zone = Zone(zone_text)
        self.asked: dict[str, int] = {}
        nameserver = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                packet, sock = self.request
                answer = nameserver.answer(packet)
                if answer is not None:
                    sock.sendto(answer, self.client_address)

        self._server = socketserver.UDPServer(("127.0.0.1", 0), Datagram)
        self.port = int(self._server.server_address[1])
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="nameserver", daemon=True
        ).start()

    @property
    def address(self) -> str:
        """As the settings want it: 127.0.0.1:PORT."""
        return f"127.0.0.1:{self.port}"

    def answer(self, packet: bytes) -> bytes | None:
        """The answer to one packet, or None where silence is the answer."""
        try:
            query = dns.message.from_wire(packet)
        except dns.exception.DNSException:
            return None
        asked = query.question[0]
        name = asked.name.to_text(omit_final_dot=True)
        self.asked[name.lower()] = self.asked.get(name.lower(), 0) + 1
        reply = dns.message.make_response(query, recursion_available=True)
        try:
            found = self.zone.ask(Question(name, RRType(asked.rdtype)))
        except ValueError:
            found = Answer(Status.NODATA)  # a type that filterd does not know either
        if found.status is Status.TEMPFAIL:
            if found.reason == "timeout":
                return None
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif found.status is Status.NXDOMAIN:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif texts := _texts(found):
            reply.answer.append(
                dns.rrset.from_text_list(asked.name, found.ttl, "IN", asked.rdtype, texts)
            )
        return reply.to_wire(max_size=65535)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _texts(answer: Answer) -> list[str]:
    """The records of an answer in zone-file text."""
    return [
        *answer.addresses,
        *(f"{name}." for name in answer.names),
        *(f"{preference} {host}." for preference, host in answer.mx),
        *(_quoted(text) for text in answer.txt),
    ]


def _quoted(text: bytes) -> str:
    parts = [text[start : start + 255] for start in range(0, len(text), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in part) + '"' for part in parts)

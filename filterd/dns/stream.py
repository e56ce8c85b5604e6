"""stream - one question over TCP, without blocking (RFC 7766, RFC 1035 4.2.2).

Owns:   connecting, writing, reading the two bytes of length and the reply.
Not here: deadlines and what the reply means (stub.py, which closes a stream that takes too long).
Rules of this file: everything runs in the reader thread; `finished` is called at most once, with the
        packet or None; at most 65,535 bytes are read, which the length field sees to.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable


class Stream:
    """A connection that carries one query and its reply."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        server: tuple[str, int],
        query: bytes,
        finished: Callable[[bytes | None], None],
    ) -> None:
        self.due = 0.0  # monotonic; past it the owner gives up
        self._selector = selector
        self._server = server
        self._to_send = len(query).to_bytes(2, "big") + query
        self._received = bytearray()
        self._finished = finished
        self._socket: socket.socket | None = None

    def open(self) -> None:
        family = socket.AF_INET6 if ":" in self._server[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            with contextlib.suppress(BlockingIOError):
                self._socket.connect(self._server)
        except OSError:
            self._end(None)
            return
        self._selector.register(self._socket, selectors.EVENT_WRITE, self._writable)

    def close(self) -> None:
        """Let go of the socket; `finished` is not called any more."""
        if self._socket is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _writable(self) -> None:
        if self._socket is None:
            return
        try:
            sent = self._socket.send(self._to_send)  # raises what connect ended with
        except BlockingIOError:
            return
        except OSError:
            self._end(None)
            return
        self._to_send = self._to_send[sent:]
        if not self._to_send:
            self._selector.modify(self._socket, selectors.EVENT_READ, self._readable)

    def _readable(self) -> None:
        if self._socket is None:
            return
        try:
            chunk = self._socket.recv(65_537)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._end(None)
            return
        self._received += chunk
        if len(self._received) >= 2:
            length = int.from_bytes(self._received[:2], "big")
            if len(self._received) >= 2 + length:
                self._end(bytes(self._received[2 : 2 + length]))

    def _end(self, packet: bytes | None) -> None:
        self.close()
        self._finished(packet)

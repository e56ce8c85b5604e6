"""sink - the last hop: an SMTP server on loopback that keeps what it is given.

Owns:   SmtpSink, Delivery. Standard library only, so that the demo runs before anything else does.
Not here: queues, retries, policy: it accepts everything, at once, in memory.
"""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.demo.running import Running

MAX_LINE = 1 << 20  # bytes; Postfix breaks lines at 998, so a longer one is a fault of ours


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it left the MTA: envelope and exact bytes (CRLF line ends, dots unstuffed)."""

    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes

    def fields(self, name: str) -> list[str]:
        """Bodies of the fields of that name, top first, unfolded and stripped."""
        head = self.content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        wanted = name.lower()
        found = []
        for field in head.replace("\r\n\t", " ").replace("\r\n ", " ").split("\r\n"):
            field_name, _, body = field.partition(":")
            if field_name.strip().lower() == wanted:
                found.append(body.strip())
        return found


class SmtpSink(Running):
    """Listens on a free loopback port from construction to `close`; safe to read at any time."""

    def __init__(self, on_delivery: Callable[[Delivery], None] | None = None) -> None:
        self._deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        self._on_delivery = on_delivery
        sink = self

        class Dialogue(_Dialogue):
            def deliver(self, delivery: Delivery) -> None:
                sink.deliver(delivery)

        self._server = _Server(("127.0.0.1", 0), Dialogue)
        self.port = int(self._server.server_address[1])
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="smtp-sink", daemon=True
        ).start()

    def deliver(self, delivery: Delivery) -> None:
        """Keep one message; called before the client hears 250."""
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify_all()
        if self._on_delivery is not None:
            self._on_delivery(delivery)

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Everything delivered so far, in order."""
        with self._changed:
            return tuple(self._deliveries)

    def wait(self, count: int, seconds: float = 30.0) -> Sequence[Delivery]:
        """All deliveries as soon as there are at least `count`, or those there are at the deadline."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while len(self._deliveries) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return tuple(self._deliveries)

    def clear(self) -> None:
        """Forget everything delivered so far."""
        with self._changed:
            self._deliveries.clear()

    def close(self) -> None:
        """Stop listening; dialogues in progress end with their clients."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Dialogue(socketserver.StreamRequestHandler):
    def deliver(self, delivery: Delivery) -> None:
        raise NotImplementedError

    def handle(self) -> None:
        reverse_path = ""
        recipients: list[str] = []
        try:
            self._say("220 sink ESMTP")
            while line := self.rfile.readline(MAX_LINE):
                command = line.decode("utf-8", "replace").strip()
                match command.upper().partition(" ")[0]:
                    case "EHLO":
                        self._say("250-sink\r\n250-SIZE 0\r\n250-8BITMIME\r\n250 SMTPUTF8")
                    case "MAIL":
                        reverse_path, recipients = _path(command), []
                        self._say("250 2.1.0 ok")
                    case "RCPT":
                        recipients.append(_path(command))
                        self._say("250 2.1.5 ok")
                    case "DATA":
                        self._say("354 go on")
                        content = self._content()
                        if content is None:
                            return
                        self.deliver(Delivery(reverse_path, tuple(recipients), content))
                        self._say("250 2.0.0 kept")
                    case "QUIT":
                        self._say("221 2.0.0 bye")
                        return
                    case _:
                        self._say("250 2.0.0 ok")
        except (ConnectionError, TimeoutError):
            return  # the MTA died or was killed: what was not acknowledged was not delivered

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def _content(self) -> bytes | None:
        """The message up to the lone dot, or None if the client went away before it."""
        lines: list[bytes] = []
        while line := self.rfile.readline(MAX_LINE):
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        return None


def _path(command: str) -> str:
    """`user@example.org` out of `MAIL FROM:<user@example.org> SIZE=1`."""
    return command.partition("<")[2].partition(">")[0]

"""server - one Redis server: connections to it, commands out, replies in.

Owns:   Server, Script, Command, Word; the limit of time of one answer.
Rules of this file:
1. The library opens a connection (TLS, user, database); what is said on it afterwards are bytes that hiredis
   packs and reads. The library's own way there and back costs as much again as the kernel's.
2. A connection that has been idle may be dead: its call is made once more on a fresh one. An answer that
   does not come in time is never asked for again.
3. What is posted is sent and not waited for; its answer is read with that of the next call on the connection.
   An error in it goes to `refused` then, which may raise it there: a store that refuses must not go unnoticed.
Not here: which server has which key (link), what goes wrong (breaker).
"""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

from hiredis import Reader, pack_command
from redis.connection import AbstractConnection, DefaultParser, SSLConnection
from redis.exceptions import ConnectionError  # noqa: A004 - the library's name
from redis.exceptions import TimeoutError as NoAnswerError

from filterd.core.turn import TURN, Lent

Word = str | bytes | int | float
Command = tuple[Word, ...]

MAX_IDLE = 32  # connections kept to one server
MAX_OWED = 32  # answers to what was posted, before one is waited for
READ = 16_384  # bytes taken from the kernel at once
_packed: Callable[[Command], bytes] = pack_command  # type: ignore[assignment]  # its stub: of one word


class Script:
    """Lua that the server runs as one step; it is sent by hash, and whole only where it is unknown."""

    __slots__ = ("hash", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.hash = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def short(self, keys: Sequence[str], arguments: Sequence[Word]) -> Command:
        """By hash, for a server that has seen it."""
        return ("EVALSHA", self.hash, len(keys), *keys, *arguments)

    def whole(self, keys: Sequence[str], arguments: Sequence[Word]) -> Command:
        """With its text, for any server."""
        return ("EVAL", self.text, len(keys), *keys, *arguments)


class Server:
    """One Redis server: a stack of idle connections to it."""

    def __init__(
        self,
        kind: type[AbstractConnection],
        options: dict[str, Any],
        refused: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        """`refused` is told of an error in the answer to what was posted."""
        self._refused = refused
        self._kind = kind
        self._options = options
        self._idle: list[_Wire] = []

    @property
    def address(self) -> tuple[str, int]:
        return str(self._options.get("host", "")), int(self._options.get("port", 0))

    def ask(self, command: Command) -> Any:
        """The reply, which is an exception where the command was refused.

        Raises when the server cannot be reached or does not answer in time.
        """
        return self._exchange(_packed(command), 1)[0]

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to several, in order, in one round trip."""
        return self._exchange(b"".join(map(_packed, commands)), len(commands))

    def post(self, command: Command) -> None:
        """Send it and do not wait for the reply."""
        self._exchange(_packed(command), 0, 1)

    def _exchange(self, packed: bytes, count: int, posted: int = 0) -> list[Any]:
        try:
            wire = self._idle.pop()
        except IndexError:
            wire = _Wire(self._kind(**self._options))
            replies = wire.exchange(packed, count, posted)
        else:
            try:
                replies = wire.exchange(packed, count, posted)
            except ConnectionError:  # it may have been closed while idle
                self.close()
                wire = _Wire(self._kind(**self._options))
                replies = wire.exchange(packed, count, posted)
        if len(self._idle) < MAX_IDLE:
            self._idle.append(wire)
        else:
            wire.close()
        if wire.refusal is not None:
            refusal, wire.refusal = wire.refusal, None
            self._refused(refusal)
        return replies

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Wire:
    """One open connection; after an exception it is closed."""

    __slots__ = ("_buffer", "_connection", "_owed", "_reader", "_socket", "refusal")

    def __init__(self, connection: AbstractConnection) -> None:
        connection.connect()
        self._connection = connection
        self._socket: socket.socket = connection._sock  # type: ignore[attr-defined]  # noqa: SLF001 - no other way
        self._buffer = bytearray(READ)
        self._owed = 0  # answers to what was posted, still to be read
        self.refusal: Exception | None = None  # the first error among those that have been
        self._reader = Reader(replyError=DefaultParser.parse_error)
        if not isinstance(connection, SSLConnection):
            _let_the_kernel_wait(self._socket)

    def exchange(self, packed: bytes, count: int, posted: int) -> list[Any]:
        """Send commands, and read the replies unless they are posted."""
        replies: list[Any] = []
        reader, buffer = self._reader, self._buffer
        try:
            self._socket.sendall(packed)
            self._owed += posted
            if not count and self._owed < MAX_OWED:
                return replies
            count += self._owed
            while len(replies) < count:
                with Lent(TURN):
                    heard = self._socket.recv_into(buffer)
                if not heard:
                    raise ConnectionError("Connection closed by server.")
                reader.feed(buffer, 0, heard)  # type: ignore[arg-type]  # its stub: no buffer
                while (reply := reader.gets()) is not False:
                    replies.append(reply)
            if self._owed:
                late, replies = replies[: self._owed], replies[self._owed :]
                self._owed = 0
                self.refusal = next((r for r in late if isinstance(r, Exception)), None)
            for reply in replies:
                if isinstance(reply, ConnectionError):  # it is loading, or has too many clients
                    raise reply
        except (TimeoutError, BlockingIOError) as error:
            self.close()
            raise NoAnswerError("Timeout reading from socket") from error
        except OSError as error:
            self.close()
            raise ConnectionError(str(error)) from error
        except BaseException:
            self.close()
            raise
        return replies

    def close(self) -> None:
        self._connection.disconnect()


def _let_the_kernel_wait(connected: socket.socket) -> None:
    """The same limit of time kept by the kernel: Python's own costs a poll before each send and receive."""
    seconds = connected.gettimeout() or 0.0
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    try:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    except OSError:
        return  # another shape of the option here: Python goes on waiting
    connected.settimeout(None)

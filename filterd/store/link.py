"""link - the door to Redis: servers, connections, where a key lives, limits of time.

Owns:   Link (standalone, Sentinel, Cluster; TLS, ACL user), Server, Script.
Rules of this file:
1. A call costs one round trip and never looks for servers: which server has which key is learnt at
   the first use and by the breaker's probe, in the background. The library's own cluster and
   sentinel clients look for servers inside the call, with sleeps and one timeout a node; here a call
   takes at most two timeouts whatever is broken.
2. A connection that has been idle may be dead: its call is made once more on a fresh one. An answer
   that does not come in time is never asked for again.
3. After a fork nothing of the parent's is used.
Not here: keys and values (store.redis), errors to StoreUnavailable (breaker).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hiredis import pack_command
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ConnectionError,  # noqa: A004 - the library's name
    MovedError,
    NoScriptError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

from filterd.store.settings import StoreSettings

Command = tuple[str | bytes | int | float, ...]

ERRORS: tuple[type[Exception], ...] = (RedisError, OSError)
PASSING = (TryAgainError,)  # a slot on its way from node to node; the other slots are well
MAX_IDLE = 32  # connections kept to one server
MAX_BATCH = (
    1_000  # commands written before replies are read, so that neither side's buffer fills
)
SLOTS = 16384
_packed: Callable[[Command], bytes] = pack_command  # type: ignore[assignment]  # its stub: of one word


class Script:
    """Lua that the server runs as one step; it is sent by hash, and whole only where it is unknown."""

    __slots__ = ("hash", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.hash = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Server:
    """One Redis server: a stack of idle connections to it."""

    def __init__(self, kind: type[AbstractConnection], options: dict[str, Any]) -> None:
        self._kind = kind
        self._options = options
        self._idle: list[AbstractConnection] = []

    @property
    def address(self) -> tuple[str, int]:
        return str(self._options.get("host", "")), int(self._options.get("port", 0))

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """The replies in order; a refused command's reply is its ResponseError.

        Raises when the server cannot be reached or does not answer in time.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._talk(self._kind(**self._options), commands)
        try:
            return self._talk(connection, commands)
        except ConnectionError:  # it may have been closed while idle; TimeoutError is not one
            self.close()
            return self._talk(self._kind(**self._options), commands)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().disconnect()

    def _talk(self, connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
        try:
            # what the library's own send_command does beside costs half a round trip (12 us)
            packed: Any = [b"".join(map(_packed, commands))]
            connection.send_packed_command(packed, check_health=False)
            replies = [_reply(connection) for _ in commands]
        except BaseException:
            connection.disconnect()
            raise
        if len(self._idle) < MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.disconnect()
        return replies


def _reply(connection: AbstractConnection) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ConnectionError:
        raise
    except ResponseError as error:
        return error


class Link:
    """The servers of one installation, seen as one. Thread-safe; usable again after a fork."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._options = _options(settings)
        self._kind: type[AbstractConnection] = self._options.pop("connection_class")
        self._servers: dict[tuple[str, int], Server] = {}
        self._slots: list[Server] = []  # one a slot in a cluster, else exactly one
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def where(self) -> str:
        """What status shows: hosts, never a password."""
        settings = self._settings
        if settings.topology != "standalone" and settings.nodes:
            return ", ".join(settings.nodes)
        if "path" in self._options:
            return str(self._options["path"])
        return f"{self._options['host']}:{self._options['port']}"

    def call(self, key: str, *command: str | bytes | float) -> Any:
        """One command at the server of `key`; its reply, or its error raised."""
        (reply,) = self._server(key).exchange((command,))
        if isinstance(reply, Exception):
            (reply,) = self._follow(reply, (command,))
        return reply

    def run(self, script: Script, keys: Sequence[str], *arguments: str | float) -> Any:
        """One script; all its keys live on the server of the first."""
        rest = (len(keys), *keys, *arguments)
        try:
            return self.call(keys[0], "EVALSHA", script.hash, *rest)
        except NoScriptError:  # a restarted or flushed server, or a new primary
            return self.call(keys[0], "EVAL", script.text, *rest)

    def many(self, commands: Sequence[tuple[str, Command]]) -> list[Any]:
        """Replies of (key, command) pairs in order, one round trip a server; any error raises."""
        if len(commands) == 1:
            key, command = commands[0]
            return [self.call(key, *command)]
        replies: list[Any] = [None] * len(commands)
        groups: dict[int, tuple[Server, list[int]]] = {}
        for index, (key, _) in enumerate(commands):
            server = self._server(key)
            groups.setdefault(id(server), (server, []))[1].append(index)
        for server, indexes in groups.values():
            for start in range(0, len(indexes), MAX_BATCH):
                part = indexes[start : start + MAX_BATCH]
                for index, reply in zip(
                    part, server.exchange([commands[i][1] for i in part]), strict=True
                ):
                    replies[index] = (
                        self._follow(reply, [commands[index][1]])[0]
                        if isinstance(reply, Exception)
                        else reply
                    )
        return replies

    def scan(self, pattern: str) -> Iterator[list[bytes]]:
        """Pages of keys that match, from every primary; a key may come twice."""
        self._ready()
        for server in {id(s): s for s in self._slots}.values():
            cursor = b"0"
            while True:
                (reply,) = server.exchange([("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)])
                if isinstance(reply, Exception):
                    raise reply
                cursor, page = reply
                yield page
                if cursor == b"0":
                    break

    def refresh(self) -> None:
        """Learn anew which server has which key; raises when none can be asked."""
        self._forget_parent()
        match self._settings.topology:
            case "standalone":
                slots = [self._known(self._options.get("host"), self._options.get("port"))]
            case "sentinel":
                slots = [self._known(*self._primary())]
            case "cluster":
                slots = self._cluster()
        with self._lock:
            self._slots = slots
            used = {id(server) for server in slots}
            for address, server in list(self._servers.items()):
                if id(server) not in used:
                    del self._servers[address]
                    server.close()

    def close(self) -> None:
        for server in list(self._servers.values()):
            server.close()

    # -- which server

    def _follow(self, error: Exception, commands: Sequence[Command]) -> list[Any]:
        """Go where a cluster sends us, once; any other error is raised."""
        if not isinstance(error, AskError):
            raise error
        server = self._known(error.host, error.port)
        if isinstance(error, MovedError):  # for good; an AskError is for this call
            if len(self._slots) == SLOTS:
                self._slots[int(error.slot_id)] = server
            replies = server.exchange(commands)
        else:
            replies = server.exchange([("ASKING",), *commands])[1:]
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _server(self, key: str) -> Server:
        if self._pid != os.getpid() or not self._slots:
            self._ready()
        slots = self._slots
        return slots[0] if len(slots) == 1 else slots[key_slot(key.encode())]

    def _ready(self) -> None:
        """Know the servers; the first call of a process waits for that as for an answer."""
        if self._slots and self._pid == os.getpid():
            return
        if self._settings.topology == "standalone":
            self.refresh()  # asks nobody
            return
        done = threading.Event()
        failed: list[Exception] = []

        def learn() -> None:
            try:
                self.refresh()
            except ERRORS as error:
                failed.append(error)
            done.set()

        threading.Thread(target=learn, name="store-learn", daemon=True).start()
        if not done.wait(2 * self._settings.timeout):
            raise ConnectionError(f"no answer from {self.where}")
        if failed:
            raise failed[0]

    def _forget_parent(self) -> None:
        if self._pid != os.getpid():
            with self._lock:
                self._servers = {}
                self._slots = []
                self._pid = os.getpid()

    def _known(self, host: Any, port: Any) -> Server:
        address = (str(host or ""), int(port or 0))
        server = self._servers.get(address)
        if server is None:
            options = dict(self._options)
            if "path" not in options:
                options |= {"host": address[0], "port": address[1]}
            server = self._servers[address] = Server(self._kind, options)
        return server

    def _primary(self) -> tuple[str, int]:
        """Where the sentinels say that the primary is."""
        from redis.sentinel import Sentinel

        settings = self._settings
        options: dict[str, Any] = {
            "socket_timeout": settings.timeout,
            "socket_connect_timeout": settings.timeout,
            "retry": Retry(NoBackoff(), 0),
        }
        if password := settings.sentinel_password.get_secret_value():
            options["password"] = password
        if issubclass(self._kind, SSLConnection):
            options |= {"ssl": True} | _tls(settings)
        finder = Sentinel(self._nodes(26379), sentinel_kwargs=options)
        try:
            host, port = finder.discover_master(settings.sentinel_name)
        finally:
            for client in finder.sentinels:
                client.close()
        return str(host), int(port)

    def _cluster(self) -> list[Server]:
        """The server of each slot, as the first node that answers sees it (CLUSTER SLOTS)."""
        last: Exception = ConnectionError("no node is configured")
        for host, port in [
            *(server.address for server in set(self._slots)),
            *self._nodes(6379),
        ]:
            try:
                (ranges,) = self._known(host, port).exchange([("CLUSTER", "SLOTS")])
            except ERRORS as error:
                last = error
                continue
            if isinstance(ranges, Exception):
                last = ranges
                continue
            slots: list[Server | None] = [None] * SLOTS
            for first, end, primary, *_ in ranges:
                name = primary[0].decode() if primary[0] else host  # "" is "as you reached me"
                slots[first : end + 1] = [self._known(name, primary[1])] * (end + 1 - first)
            found = [slot for slot in slots if slot is not None]
            if len(found) == SLOTS:
                return found
            last = ConnectionError(f"{SLOTS - len(found)} slots of the cluster have no server")
        raise last

    def _nodes(self, default_port: int) -> list[tuple[str, int]]:
        if not self._settings.nodes:
            return [(str(self._options["host"]), int(self._options["port"]))]
        return [_address(node, default_port) for node in self._settings.nodes]


def _address(text: str, default_port: int) -> tuple[str, int]:
    """HOST:PORT, HOST, [V6]:PORT or V6."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest.removeprefix(":") or default_port)
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host:
        return text, default_port
    return host, int(port)


def _options(settings: StoreSettings) -> dict[str, Any]:
    """What a connection is made with."""
    options: dict[str, Any] = {
        "connection_class": Connection,
        "host": "127.0.0.1",
        "port": 6379,
        **parse_url(settings.url.get_secret_value()),
        "socket_timeout": settings.timeout,
        "socket_connect_timeout": settings.timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # no HELLO, no CLIENT SETINFO: three round trips fewer a connection
        "driver_info": None,
    }
    if issubclass(options["connection_class"], UnixDomainSocketConnection):
        del options["host"], options["port"]
    if issubclass(options["connection_class"], SSLConnection):
        options |= _tls(settings)
    if settings.username:
        options["username"] = settings.username
    if password := settings.password.get_secret_value():
        options["password"] = password
    return options


def _tls(settings: StoreSettings) -> dict[str, Any]:
    chosen = {
        "ssl_ca_certs": settings.tls_ca,
        "ssl_certfile": settings.tls_certificate,
        "ssl_keyfile": settings.tls_key,
    }
    return {name: value for name, value in chosen.items() if value}

"""link - the servers of one Redis installation seen as one: where they are, where a key lives.

Owns:   Link (standalone, Sentinel, Cluster; TLS, ACL user).
Rules of this file:
1. A call costs one round trip and never looks for servers: which server has which key is learnt at
   the first use and by the breaker's probe, in the background. The library's own cluster and
   sentinel clients look for servers inside the call, with sleeps and one timeout a node; here a call
   takes at most two timeouts whatever is broken.
2. After a fork nothing of the parent's is used.
Not here: connections (server), keys and values (store.redis), errors to StoreUnavailable (breaker).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

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
    TryAgainError,
)
from redis.retry import Retry

from filterd.store.server import Command, Script, Server, Word
from filterd.store.settings import StoreSettings

ERRORS: tuple[type[Exception], ...] = (RedisError, OSError)
PASSING = (TryAgainError,)  # a slot on its way from node to node; the other slots are well
MAX_BATCH = (
    1_000  # commands written before replies are read, so that neither side's buffer fills
)
SLOTS = 16384


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

    def call(self, command: Command) -> Any:
        """The reply to one command, whose second word is its key; its error raised."""
        return self._ask(command[1], command)

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """What a script returns; all its keys live on the server of the first."""
        try:
            return self._ask(keys[0], script.short(keys, arguments))
        except NoScriptError:  # a restarted or flushed server, or a new primary
            return self._ask(keys[0], script.whole(keys, arguments))

    def post(self, key: Word, command: Command) -> None:
        """Send a command about that key and do not wait for the reply.

        An error in it is raised by a later call, but for a slot that has moved: then only this is lost.
        """
        self._server(key).post(command)

    def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """What stands under each key, one round trip a server."""
        self._ready()
        if len(self._slots) > 1:
            return self.many([("GET", key) for key in keys])
        found: list[bytes | None] = self._ask(keys[0], ("MGET", *keys)) if keys else []
        return found

    def _ask(self, key: Word, command: Command) -> Any:
        reply = self._server(key).ask(command)
        return self._follow(reply, command) if isinstance(reply, Exception) else reply

    def many(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order, one round trip a server; any error raises."""
        groups: dict[Server, list[int]] = {}
        for index, command in enumerate(commands):
            groups.setdefault(self._server(command[1]), []).append(index)
        replies: list[Any] = [None] * len(commands)
        for server, indexes in groups.items():
            for start in range(0, len(indexes), MAX_BATCH):
                part = indexes[start : start + MAX_BATCH]
                found = server.exchange([commands[index] for index in part])
                for index, reply in zip(part, found, strict=True):
                    if isinstance(reply, Exception):
                        reply = self._follow(reply, commands[index])
                    replies[index] = reply
        return replies

    def scan(self, pattern: str) -> Iterator[list[bytes]]:
        """Pages of keys that match, from every primary; a key may come twice."""
        self._ready()
        for server in {id(s): s for s in self._slots}.values():
            cursor = b"0"
            while True:
                reply = server.ask(("SCAN", cursor, "MATCH", pattern, "COUNT", 1000))
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

    def _follow(self, error: Exception, command: Command) -> Any:
        """Go where a cluster sends us, once; any other error is raised."""
        if not isinstance(error, AskError):
            raise error
        if isinstance(error, MovedError):  # for good; an AskError is for this call
            reply = self._moved(error).ask(command)
        else:
            reply = self._known(error.host, error.port).exchange([("ASKING",), command])[1]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _moved(self, error: MovedError) -> Server:
        server = self._known(error.host, error.port)
        if len(self._slots) == SLOTS:
            self._slots[int(error.slot_id)] = server
        return server

    def _refused(self, error: Exception) -> None:
        """What was posted was not done."""
        if isinstance(error, MovedError):
            self._moved(error)
        elif not isinstance(error, (AskError, TryAgainError)):
            raise error

    def _server(self, key: Word) -> Server:
        if self._pid != os.getpid() or not self._slots:
            self._ready()
        slots = self._slots
        if len(slots) == 1:
            return slots[0]
        return slots[key_slot(key if isinstance(key, bytes) else str(key).encode())]

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
            server = self._servers[address] = Server(self._kind, options, self._refused)
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
                ranges = self._known(host, port).ask(("CLUSTER", "SLOTS"))
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

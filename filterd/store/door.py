"""door - a Redis installation as each store in it uses it: every call guarded by a breaker.

Owns:   Door; the version of the key format, the first words of every key.
Not here: servers (link), bytes (server), what is kept under the keys (redis, redis_archive, redis_dmarc, feed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from filterd.core.stores import StoreHealth
from filterd.store.breaker import Breaker
from filterd.store.link import ERRORS, PASSING, Link
from filterd.store.server import Command, Script, Word
from filterd.store.settings import StoreSettings

VERSION = 1


class Door:
    """Thread-safe; connects at the first use, also after a fork. Raises StoreUnavailable only."""

    def __init__(
        self, settings: StoreSettings, name: str, probe: Callable[[Link], object]
    ) -> None:
        """`probe` asks or writes something that fails while the store called `name` is of no use."""
        self.root = f"{settings.prefix}:{VERSION}:"
        self.link = Link(settings)
        self._probe = probe
        self._breaker = Breaker(
            self.probe,
            ERRORS,
            kind="redis",
            where=self.link.where,
            passing=PASSING,
            name=name,
            failures=settings.failures,
            probe_every=settings.probe_every,
        )

    def call(self, *command: Word) -> Any:
        """The reply to one command; its second word is its key."""
        return self._breaker.call(self.link.call, command)

    def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> Any:
        """What a script returns; its keys live on one server."""
        return self._breaker.call(self.link.run, script, keys, arguments)

    def post(self, key: Word, command: Command) -> None:
        """Send a command about that key, and do not wait: if it fails, a later call may raise that."""
        self._breaker.call(self.link.post, key, command, proves=False)

    def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """What stands under each key, None for nothing; one round trip a server."""
        return self._breaker.call(self.link.values, keys) if keys else []

    def many(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to several commands, one round trip a server; none where there is nothing to ask."""
        return self._breaker.call(self.link.many, commands) if commands else []

    def pages(self) -> Iterator[list[bytes]]:
        """Pages of all keys of this installation; a key may come twice."""
        pages = self.link.scan(f"{self.root}*")
        while (page := self._breaker.call(next, pages, None)) is not None:
            yield page

    def probe(self) -> None:
        """Look where the servers are and try them; raises whatever the library raises."""
        self.link.refresh()
        self._probe(self.link)

    def health(self) -> StoreHealth:
        return self._breaker.health()

    def close(self) -> None:
        """End the probing and close connections; the next call opens anew."""
        self._breaker.close()
        self.link.close()

"""store - shared state: greylist, rates, correspondents, traps, verdicts; memory, SQLite or Redis.

Owns:   Stores, open_stores; the door to redis and sqlite3. Implements core.stores.
Rules of this package: nothing is opened before its first use, so it may be made before a fork; a
        library's error leaves as StoreUnavailable only (breaker).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, assert_never

from filterd.core.stores import (
    CorrespondentStore,
    GreylistStore,
    Portable,
    RateStore,
    StoreHealth,
    TrapStore,
)
from filterd.store.keys import Seal
from filterd.store.settings import StoreSettings

__all__ = ["State", "Stores", "open_stores"]


class State(GreylistStore, RateStore, CorrespondentStore, TrapStore, Portable, Protocol):
    """The small shared facts, all in one place."""

    def probe(self) -> None:
        """Write something; raises whatever the library raises."""
        ...

    def health(self) -> StoreHealth: ...

    def close(self) -> None: ...


class Stores:
    """Everything that is shared, by the names that checks and commands use."""

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def greylist(self) -> GreylistStore:
        return self.state

    @property
    def rates(self) -> RateStore:
        return self.state

    @property
    def correspondents(self) -> CorrespondentStore:
        return self.state

    @property
    def traps(self) -> TrapStore:
        return self.state

    def status(self) -> tuple[StoreHealth, ...]:
        """How each store is, as this process sees it."""
        return (self.state.health(),)

    def close(self) -> None:
        self.state.close()


def open_stores(settings: StoreSettings, state_dir: Path) -> Stores:
    """The stores of these settings; connects on first use, so it never fails and may precede a fork."""
    seal = Seal(is_hashed=settings.hashed, secret=settings.secret.get_secret_value().encode())
    match settings.kind:
        case "memory":
            from filterd.store.memory import MemoryState

            return Stores(MemoryState(seal))
        case "sqlite":
            from filterd.store.sqlite import SqliteState

            path = Path(settings.path) if settings.path else state_dir / "state.sqlite"
            return Stores(
                SqliteState(
                    path,
                    seal=seal,
                    timeout=settings.timeout,
                    failures=settings.failures,
                    probe_every=settings.probe_every,
                )
            )
        case "redis":
            from filterd.store.redis import RedisState

            return Stores(RedisState(settings, seal))
        case _:
            assert_never(settings.kind)

"""store - shared state: greylist, rates, correspondents, traps, verdicts; memory, SQLite or Redis.

Owns:   Stores, open_stores; the door to redis and sqlite3. Implements core.stores.
Rules of this package: nothing is opened before its first use, so it may be made before a fork; a
        library's error leaves as StoreUnavailable only (breaker).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

from filterd.core.stores import (
    CorrespondentStore,
    GreylistStore,
    HistoryStore,
    PauseStore,
    Portable,
    RateStore,
    Remembered,
    StoreHealth,
    TrapStore,
)
from filterd.store.keys import Seal
from filterd.store.observing import Unrecorded
from filterd.store.settings import HistorySettings, StoreSettings

if TYPE_CHECKING:
    from filterd.store.archive import Archive, Recorder

__all__ = ["State", "Stores", "open_history", "open_stores"]


class State(GreylistStore, Remembered, PauseStore, Portable, Protocol):
    """The small shared facts, all in one place."""

    is_distant: bool  # another process answers

    def probe(self) -> None:
        """Write something; raises whatever the library raises."""
        ...

    def health(self) -> StoreHealth: ...

    def close(self) -> None: ...


class Stores:
    """Everything that is shared, by the names that checks and commands use."""

    def __init__(
        self, state: State, history: Recorder | None = None, *, is_observing: bool = False
    ) -> None:
        self.state = state
        self._history = history
        self._is_observing = is_observing

    @property
    def greylist(self) -> GreylistStore:
        """Of observe mode: one that records nothing."""
        return Unrecorded(self.state) if self._is_observing else self.state

    @property
    def rates(self) -> RateStore:
        return self.state

    @property
    def correspondents(self) -> CorrespondentStore:
        return self.state

    @property
    def traps(self) -> TrapStore:
        return self.state

    @property
    def distant(self) -> Remembered | None:
        """Where several questions are better asked together; None where they cost no round trip."""
        return self.state if self.state.is_distant else None

    @property
    def pauses(self) -> PauseStore:
        return self.state

    @property
    def history(self) -> HistoryStore | None:
        """Recorded verdicts; None where they are not kept."""
        return self._history

    def status(self) -> tuple[StoreHealth, ...]:
        """How each store is, as this process sees it."""
        state = self.state.health()
        return (state,) if self._history is None else (state, self._history.health())

    def samples(self) -> Iterator[tuple[str, tuple[str, ...], float]]:
        """The same as numbers, for metrics: (metric, label values, value)."""
        health = self.status()
        failures = sum(one.failures for one in health)
        yield "filterd_store_calls", ("ok",), sum(one.calls for one in health) - failures
        yield "filterd_store_calls", ("failed",), failures
        for one in health:
            yield "filterd_store_open", (one.name,), float(not one.is_available)

    def close(self) -> None:
        """Write what is queued, then let go."""
        if self._history is not None:
            self._history.close()
        self.state.close()


def open_stores(
    settings: StoreSettings,
    state_dir: Path,
    history: HistorySettings | None = None,
    *,
    is_observing: bool = False,
) -> Stores:
    """The stores of these settings; connects on first use, so it never fails and may precede a fork.

    Without `history` settings no verdicts are kept.
    """
    state = _open_state(settings, state_dir)
    recorder = open_history(settings, state_dir, history) if history is not None else None
    return Stores(state, recorder, is_observing=is_observing)


def _open_state(settings: StoreSettings, state_dir: Path) -> State:
    seal = Seal(is_hashed=settings.hashed, secret=settings.secret.get_secret_value().encode())
    match settings.kind:
        case "memory":
            from filterd.store.memory import MemoryState

            return MemoryState(seal)
        case "sqlite":
            from filterd.store.sqlite import SqliteState

            return SqliteState(
                Path(settings.path) if settings.path else state_dir / "state.sqlite",
                seal=seal,
                timeout=settings.timeout,
                failures=settings.failures,
                probe_every=settings.probe_every,
            )
        case "redis":
            from filterd.store.redis import RedisState

            return RedisState(settings, seal)
        case _:
            assert_never(settings.kind)


def open_history(
    settings: StoreSettings, state_dir: Path, history: HistorySettings
) -> Recorder | None:
    """The recorded verdicts alone (for `why` and `history`); None where they are not kept."""
    if not history.enabled:
        return None
    from filterd.store.archive import Recorder

    archive: Archive
    match settings.kind:
        case "memory":
            from filterd.store.memory_archive import MemoryArchive

            archive = MemoryArchive()
        case "sqlite":
            from filterd.store.sqlite_archive import SqliteArchive

            path = Path(history.path) if history.path else state_dir / "history.sqlite"
            archive = SqliteArchive(path, probe_every=settings.probe_every)
        case "redis":
            from filterd.store.redis_archive import RedisArchive

            patient = settings.model_copy(update={"timeout": max(settings.timeout, 1.0)})
            archive = RedisArchive(patient)
        case _:
            assert_never(settings.kind)
    blind = None
    if history.hashed:
        from filterd.store.record import Blind

        blind = Blind(settings.secret.get_secret_value().encode())
    return Recorder(archive, days=history.days, verdicts=history.verdicts, blind=blind)

"""feed - labels and the local model shared by several machines, in a Redis stream.

Owns:   RedisFeed (core.labels.LabelFeed); keys PREFIX:1:{labels}:stream (events with their mail, the newest
        KEPT), :model (id in force), :model:ID (files in pieces).
Rules of this file: the stream is the common order, so that every machine comes to the same standing
        labels; the journal of each machine is its own copy. Big things go in pieces, for one call must
        be done within the store's timeout.
Not here: the journal (labels), applying it (classify.learner), servers (link), what goes wrong (breaker).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from filterd.core.labels import Fed, Kind, LabelEvent
from filterd.store.breaker import Breaker
from filterd.store.link import ERRORS, PASSING, Link
from filterd.store.settings import StoreSettings

T = TypeVar("T")

VERSION = 1
KEPT = 20_000  # events in the stream; with their mail some 150 MB
PIECE = 128 << 10  # bytes of a model's file in one call
MODEL_SECONDS = 400 * 86400  # a shared model nobody replaced
OLD_MODEL_SECONDS = 7 * 86400  # one that was replaced: machines may still be fetching it
MAX_PIECES = 4_096
PUT_AT_ONCE = 16  # events in one call


class RedisFeed:
    """Thread-safe; connects at the first use, also after a fork."""

    def __init__(self, settings: StoreSettings) -> None:
        root = f"{settings.prefix}:{VERSION}:{{labels}}:"
        self._stream = f"{root}stream"
        self._model = f"{root}model"
        self._link = Link(settings)
        self._breaker = Breaker(
            self._probe,
            ERRORS,
            kind="redis",
            where=self._link.where,
            passing=PASSING,
            name="labels",
            failures=settings.failures,
            probe_every=settings.probe_every,
        )

    def put(self, said: Sequence[tuple[LabelEvent, bytes]]) -> None:
        commands = [
            (
                self._stream,
                ("XADD", self._stream, "MAXLEN", "~", KEPT, "*", *_fields(event, copy)),
            )
            for event, copy in said
        ]
        for start in range(0, len(commands), PUT_AT_ONCE):
            part = commands[start : start + PUT_AT_ONCE]
            self._call(lambda part=part: self._link.many(part))  # type: ignore[misc]

    def after(self, identifier: str, limit: int) -> Sequence[Fed]:
        start = f"({identifier}" if identifier else "-"
        rows = self._call(
            lambda: self._link.call(
                self._stream, "XRANGE", self._stream, start, "+", "COUNT", limit
            )
        )
        return [fed for fed in map(_fed, rows) if fed is not None]

    def news(self, identifier: str) -> tuple[bool, str]:
        start = f"({identifier}" if identifier else "-"
        look = ("XRANGE", self._stream, start, "+", "COUNT", 1)
        rows, model = self._call(
            lambda: self._link.many(
                [(self._stream, look), (self._stream, ("GET", self._model))]
            )
        )
        return bool(rows), model.decode("ascii", "replace") if model else ""

    def share_model(self, identifier: str, files: Mapping[str, bytes]) -> None:
        key = f"{self._model}:{identifier}"
        for name, content in files.items():
            for number, start in enumerate(range(0, max(1, len(content)), PIECE)):
                piece = content[start : start + PIECE]
                self._put_piece(key, f"{name}:{number}", piece)
        before = self._call(lambda: self._link.call(self._stream, "GET", self._model))
        self._call(lambda: self._link.call(self._stream, "EXPIRE", key, MODEL_SECONDS))
        self._call(lambda: self._link.call(self._stream, "SET", self._model, identifier))
        if before and before != identifier.encode():
            old = f"{self._model}:{before.decode('ascii', 'replace')}"
            self._call(lambda: self._link.call(self._stream, "EXPIRE", old, OLD_MODEL_SECONDS))

    def _put_piece(self, key: str, name: str, piece: bytes) -> None:
        self._call(lambda: self._link.call(self._stream, "HSET", key, name, piece))

    def model(self, identifier: str) -> Mapping[str, bytes]:
        key = f"{self._model}:{identifier}"
        names = self._call(lambda: self._link.call(self._stream, "HKEYS", key))
        pieces: dict[str, dict[int, bytes]] = {}
        for field in names[:MAX_PIECES]:
            name, _, number = field.decode("utf-8", "replace").rpartition(":")
            if number.isdigit():
                pieces.setdefault(name, {})[int(number)] = self._piece(key, field)
        return {
            name: b"".join(found[number] for number in sorted(found))
            for name, found in pieces.items()
        }

    def _piece(self, key: str, field: bytes) -> bytes:
        found = self._call(lambda: self._link.call(self._stream, "HGET", key, field))
        return bytes(found or b"")

    def close(self) -> None:
        self._link.close()

    def _probe(self) -> None:
        self._link.refresh()
        self._link.call(self._stream, "EXISTS", self._stream)

    def _call(self, work: Callable[[], T]) -> T:
        return self._breaker.call(work)


def _fields(event: LabelEvent, copy: bytes) -> tuple[str | bytes, ...]:
    return (
        "kind", event.kind.value, "at", repr(event.at), "digest", event.digest.hex(),
        "user", event.user, "origin", event.origin, "name", event.name, "source", event.source,
        "since", repr(event.since), "mail", copy,
    )  # fmt: skip


def _fed(row: Any) -> Fed | None:
    """One entry of the stream; None for one that another program wrote."""
    identifier, flat = row
    found = dict(zip(flat[::2], flat[1::2], strict=False))

    def text(name: bytes) -> str:
        return bytes(found.get(name, b"")).decode("utf-8", "replace")

    try:
        event = LabelEvent(
            Kind(text(b"kind")),
            float(text(b"at")),
            bytes.fromhex(text(b"digest")),
            text(b"user"),
            text(b"origin"),
            text(b"name"),
            text(b"source"),
            float(text(b"since")),
        )
    except ValueError:
        return None
    return Fed(bytes(identifier).decode("ascii"), event, bytes(found.get(b"mail", b"")))

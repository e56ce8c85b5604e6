"""feed - labels and the local model shared by several machines, in a Redis stream.

Owns:   RedisFeed (core.labels.LabelFeed); keys PREFIX:1:{labels}:stream (events with their mail, the newest
        KEPT), :model (id in force), :model:ID (files in pieces).
Rules of this file: the stream is the common order, so that every machine comes to the same standing
        labels; the journal of each machine is its own copy. Big things go in pieces, for one call must
        be done within the store's timeout.
Not here: the journal (labels), applying it (classify.learner), servers (door, link).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from filterd.core.labels import Fed, Kind, LabelEvent
from filterd.store.door import Door
from filterd.store.link import Link
from filterd.store.server import Command
from filterd.store.settings import StoreSettings

KEPT = 20_000  # events in the stream; with their mail some 150 MB
PIECE = 128 << 10  # bytes of a model's file in one call
MODEL_SECONDS = 400 * 86400  # a shared model nobody replaced
OLD_MODEL_SECONDS = 7 * 86400  # one that was replaced: machines may still be fetching it
MAX_PIECES = 4_096
PUT_AT_ONCE = 16  # events in one call


class RedisFeed:
    """Thread-safe; connects at the first use, also after a fork."""

    def __init__(self, settings: StoreSettings) -> None:
        self._door = Door(settings, "labels", self._ask_for_stream)
        self._stream = f"{self._door.root}{{labels}}:stream"
        self._model = f"{self._door.root}{{labels}}:model"

    def put(self, said: Sequence[tuple[LabelEvent, bytes]]) -> None:
        limit = ("MAXLEN", "~", KEPT, "*")
        commands = [
            ("XADD", self._stream, *limit, *_fields(event, copy)) for event, copy in said
        ]
        for start in range(0, len(commands), PUT_AT_ONCE):
            self._door.many(commands[start : start + PUT_AT_ONCE])

    def after(self, identifier: str, limit: int) -> Sequence[Fed]:
        rows = self._door.call(*self._newer(identifier, limit))
        return [fed for fed in map(_fed, rows) if fed is not None]

    def news(self, identifier: str) -> tuple[bool, str]:
        rows, model = self._door.many([self._newer(identifier, 1), ("GET", self._model)])
        return bool(rows), model.decode("ascii", "replace") if model else ""

    def _newer(self, identifier: str, limit: int) -> Command:
        start = f"({identifier}" if identifier else "-"
        return ("XRANGE", self._stream, start, "+", "COUNT", limit)

    def share_model(self, identifier: str, files: Mapping[str, bytes]) -> None:
        key = f"{self._model}:{identifier}"
        for name, content in files.items():
            for number, start in enumerate(range(0, max(1, len(content)), PIECE)):
                self._door.call("HSET", key, f"{name}:{number}", content[start : start + PIECE])
        before, *_ = self._door.many(
            [
                ("GET", self._model),
                ("EXPIRE", key, MODEL_SECONDS),
                ("SET", self._model, identifier),
            ]
        )
        if before and before != identifier.encode():
            old = f"{self._model}:{before.decode('ascii', 'replace')}"
            self._door.call("EXPIRE", old, OLD_MODEL_SECONDS)

    def model(self, identifier: str) -> Mapping[str, bytes]:
        key = f"{self._model}:{identifier}"
        pieces: dict[str, dict[int, bytes]] = {}
        for field in self._door.call("HKEYS", key)[:MAX_PIECES]:
            name, _, number = field.decode("utf-8", "replace").rpartition(":")
            if number.isdigit():
                piece = bytes(self._door.call("HGET", key, field) or b"")
                pieces.setdefault(name, {})[int(number)] = piece
        return {
            name: b"".join(found[number] for number in sorted(found))
            for name, found in pieces.items()
        }

    def close(self) -> None:
        self._door.close()

    def _ask_for_stream(self, link: Link) -> None:
        link.call(("EXISTS", self._stream))


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

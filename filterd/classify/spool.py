"""spool - labels that wait as files: a mailbox program drops a message here and returns at once.

Owns:   Spool (waiting files, `drop`), their names: LABEL.USER.UNIQUE in spool/new, written in spool/tmp first.
        deploy/dovecot has the program that does so from a Sieve script.
Rules of this file: a file is complete when it is in new/ (rename); it is removed when it has been learned,
        and moved to bad/ when its name or size is not right.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from filterd.classify.learner import Said
from filterd.core.labels import Kind
from filterd.limits import LIMITS
from filterd.mail.message import Message

KINDS = {kind.value: kind for kind in (Kind.SPAM, Kind.HAM, Kind.FORGET)}
MAX_USER = 200
LOOKED_AT = 5_000  # names of one look; a flood is worked off in turns


@dataclass(frozen=True, slots=True)
class Waiting:
    """A label in the spool."""

    path: Path
    said: Said


class Spool:
    """The folder; made by whoever installs it, with the rights that drop-box needs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def waiting(self, limit: int, now: float) -> list[Waiting]:
        """The oldest labels that wait, at most `limit`."""
        try:
            with os.scandir(self._folder / "new") as entries:
                names = sorted(
                    (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name)
                    for entry, _ in zip(entries, range(LOOKED_AT), strict=False)
                )
        except FileNotFoundError:
            return []
        found = []
        for _, name in names[:limit]:
            path = self._folder / "new" / name
            said = self._read(path, now)
            if said is not None:
                found.append(Waiting(path, said))
        return found

    def _read(self, path: Path, now: float) -> Said | None:
        label, _, rest = path.name.partition(".")
        user = unquote(rest.rpartition(".")[0])[:MAX_USER]
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
                stat = os.fstat(descriptor)
                raw = stream.read(LIMITS.message_bytes + 1)
        except OSError:
            self._put_aside(path)
            return None
        if label not in KINDS or not raw or len(raw) > LIMITS.message_bytes:
            self._put_aside(path)
            return None
        return Said(
            Message.from_bytes(raw),
            KINDS[label],
            min(now, stat.st_mtime),
            user=user,
            origin="mailbox",
            name=f"mailbox of {user}",
            source="mailbox",
        )

    def _put_aside(self, path: Path) -> None:
        bad = self._folder / "bad"
        try:
            bad.mkdir(mode=0o750, exist_ok=True)
            path.rename(bad / path.name)
        except OSError:
            path.unlink(missing_ok=True)

    def drop(self, kind: Kind, user: str, raw: bytes) -> Path:
        """Leave a label; what the mailbox program does in shell, for programs that are in Python."""
        for name in ("tmp", "new"):
            (self._folder / name).mkdir(mode=0o750, parents=True, exist_ok=True)
        name = f"{kind.value}.{quote(user, safe='@')[:MAX_USER]}.{secrets.token_hex(8)}"
        temporary = self._folder / "tmp" / name
        temporary.write_bytes(raw)
        return temporary.rename(self._folder / "new" / name)

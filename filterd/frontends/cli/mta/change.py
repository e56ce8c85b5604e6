"""change - changes to files of others: shown before, applied whole, taken back exactly.

Owns:   Plan, FileChange, Ledger (what was changed, so that it can be undone).
Rules of this file: a file is replaced by rename, with its owner and mode. Undo gives the bytes of before
        when nobody has touched the file since; else it takes back our keys and leaves the rest.
"""

from __future__ import annotations

import base64
import difflib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filterd.core.errors import FilterdError


class WireError(FilterdError):
    """The MTA's configuration cannot be read or changed; the text says why."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after; None is "no such file"."""

    path: Path
    before: bytes | None
    after: bytes | None

    def diff(self) -> Iterable[str]:
        """The lines that differ, as diff -u shows them."""
        old = (self.before or b"").decode("utf-8", "replace").splitlines()
        new = (self.after or b"").decode("utf-8", "replace").splitlines()
        return difflib.unified_diff(old, new, str(self.path), str(self.path), n=0, lineterm="")


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be changed; `settings` are single keys and their value before (None: not set)."""

    files: tuple[FileChange, ...] = ()
    settings: Mapping[str, str | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return all(change.before == change.after for change in self.files)


def read(path: Path) -> bytes | None:
    """The file's bytes, None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WireError(f"cannot read {path}: {error.strerror}") from None


def write(path: Path, content: bytes | None) -> None:
    """Put `content` in the place of the file, which keeps its owner and mode; None removes it."""
    try:
        if content is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(number, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if path.exists():
                known = path.stat()
                Path(name).chmod(known.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.chown(name, known.st_uid, known.st_gid)
            else:
                Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WireError(f"cannot write {path}: {error.strerror}") from None


class Ledger:
    """The changes made to one MTA, latest last; kept in the state directory."""

    def __init__(self, state_dir: Path, name: str) -> None:
        self._file = state_dir / "wire" / f"{name}.json"

    def push(self, plan: Plan) -> None:
        """Remember a plan that is about to be applied."""
        entries = self._load()
        entries.append(
            {
                "files": [
                    {"path": str(c.path), "before": _text(c.before), "after": _text(c.after)}
                    for c in plan.files
                ],
                "settings": dict(plan.settings),
            }
        )
        self._save(entries)

    def last(self) -> Plan | None:
        """The latest change that was not taken back."""
        entries = self._load()
        if not entries:
            return None
        entry = entries[-1]
        files = tuple(
            FileChange(Path(f["path"]), _bytes(f["before"]), _bytes(f["after"]))
            for f in entry["files"]
        )
        return Plan(files, dict(entry["settings"]))

    def pop(self) -> None:
        """Forget the latest change: it was taken back."""
        entries = self._load()[:-1]
        self._save(entries)

    def _load(self) -> list[Any]:
        raw = read(self._file)
        if raw is None:
            return []
        try:
            entries = json.loads(raw)
        except ValueError:
            raise WireError(f"{self._file} cannot be read; it says what to undo") from None
        return list(entries)

    def _save(self, entries: list[Any]) -> None:
        write(self._file, json.dumps(entries).encode() if entries else None)


def _text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)

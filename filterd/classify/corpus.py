"""corpus - labelled mail in files: what an admin may point at, one message after another.

Owns:   Labelled, messages (files, folders, Maildir, mbox, stdin), index (TREC), source names.
Rules of this file: streams; no more than one message is held. A file that cannot be read is reported
        to the caller and passed over, never the end of a long run.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filterd.core.errors import ConfigError, ConfigProblem
from filterd.limits import LIMITS

_MAILDIR = frozenset({"cur", "new", "tmp"})
_INDEXES = (".", "dovecot.", "dovecot-", "courierimap", "courierpop3d")  # of IMAP servers
_NOT_MAIL = frozenset({"cmds", "index", "subscriptions", "maildirfolder"})


@dataclass(frozen=True, slots=True)
class Labelled:
    """One message: its bytes, its label, where it stands, and which collection it came with."""

    raw: bytes
    is_spam: bool
    name: str  # path, with "#n" for the nth of an mbox
    source: str  # the path argument, or its sub-folder, that it came with


class Unreadable:
    """Paths that could not be read, with the reason; the run goes on."""

    def __init__(self) -> None:
        self.paths: list[tuple[str, str]] = []

    def __call__(self, path: Path, error: OSError) -> None:
        self.paths.append((str(path), error.strerror or str(error)))


def files(path: Path) -> Iterator[Path]:
    """Regular files beneath a path in a fixed order; Maildir's tmp and dot-files are no mail."""
    if not path.is_dir():
        yield path
        return
    try:
        entries = sorted(path.iterdir())
    except OSError:
        entries = []
    is_maildir = (path / "cur").is_dir() and (path / "new").is_dir()
    for entry in entries:
        if entry.is_dir():
            if not (is_maildir and entry.name == "tmp"):
                yield from files(entry)
        elif entry.is_file() and _is_mail(entry):
            yield entry


def _is_mail(path: Path) -> bool:
    name = path.name.lower()
    return not name.startswith(_INDEXES) and name not in _NOT_MAIL


def sources(paths: Sequence[Path]) -> list[Path]:
    """The collections that the paths name: a single folder of folders is as many as it has."""
    if len(paths) != 1 or not paths[0].is_dir():
        return list(paths)
    entries = sorted(entry for entry in paths[0].iterdir() if not entry.name.startswith("."))
    folders = [entry for entry in entries if entry.is_dir() and entry.name not in _MAILDIR]
    return folders if len(folders) > 1 and len(folders) == len(entries) else list(paths)


def tell_apart(spam: Sequence[Path], ham: Sequence[Path]) -> bool:
    """Whether the paths say that mail came from several sources."""
    return len(sources(spam)) > 1 or len(sources(ham)) > 1


def split(raw: bytes | mmap.mmap) -> Iterator[bytes]:
    """The messages of an mbox, `>From ` unquoted; a file that is none is one message."""
    if raw[:5] != b"From ":
        yield bytes(raw[: LIMITS.message_bytes])
        return
    start = 0
    while start < len(raw):
        end = _next(raw, start + 5)
        yield raw[start : min(end, start + LIMITS.message_bytes)].replace(
            b"\n>From ", b"\nFrom "
        )
        start = end


def _next(raw: bytes | mmap.mmap, start: int) -> int:
    """Where the next message of an mbox starts: "From " after an empty line, with a date's colon."""
    while True:
        found = raw.find(b"\nFrom ", start)
        if found < 0:
            return len(raw)
        before = raw[max(0, found - 2) : found]
        line = raw[found + 1 : found + 300].partition(b"\n")[0]
        if (
            before.endswith((b"\n", b"\n\r"))
            and line.count(b":") >= 1
            and line[-6:].strip()[-4:].isdigit()
        ):
            return found + 1
        start = found + 1


def messages(
    paths: Sequence[Path], is_spam: bool, failed: Unreadable | None = None
) -> Iterator[Labelled]:
    """Every message of those paths ("-" is standard input), each with its source."""
    failed = failed or Unreadable()
    for path in sources(paths):
        if str(path) == "-":
            yield from _of(sys.stdin.buffer.read(), is_spam, "stdin", "stdin")
            continue
        for file in files(path):
            try:
                yield from _read(file, is_spam, str(path))
            except OSError as error:
                failed(file, error)


def _read(file: Path, is_spam: bool, source: str) -> Iterator[Labelled]:
    with file.open("rb") as stream:
        size = file.stat().st_size
        if size <= LIMITS.message_bytes:
            yield from _of(stream.read(), is_spam, str(file), source)
        else:  # an mailbox of gigabytes is read through a map, message by message
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                yield from _of(mapped, is_spam, str(file), source)


def _of(raw: bytes | mmap.mmap, is_spam: bool, name: str, source: str) -> Iterator[Labelled]:
    for number, message in enumerate(split(raw), 1):
        if message:
            yield Labelled(
                message, is_spam, name if number == 1 else f"{name}#{number}", source
            )


def index(path: Path, limit: int | None = None) -> Iterator[tuple[bool, Path]]:
    """Labels and paths of a TREC index ("spam|ham path", relative to the index), in order.

    Empty lines and comments (#) are left out; ConfigError at any other line.
    """
    with path.open("r", encoding="utf-8", errors="surrogateescape") as lines:
        count = 0
        for number, line in enumerate(lines, 1):
            if limit is not None and count >= limit:
                return
            words = line.split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            label = words[0].lower()
            if len(words) < 2 or label not in {"spam", "ham"}:
                wrong = 'expected "spam PATH" or "ham PATH"'
                raise ConfigError([ConfigProblem(f"{path}:{number}", "", wrong)])
            count += 1
            yield label == "spam", path.parent / words[1].strip()

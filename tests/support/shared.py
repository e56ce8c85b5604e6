"""shared - conformance suites and labelled mail that live beside the checkout, never in it.

Owns:   where the folder `shared` is; unpacking its archives into a cache outside the project.
Not here: reading any one suite or corpus (the test that uses it).

The folder is `$FILTERD_SHARED`, else `../shared` seen from the root of the checkout. A test that needs
it is skipped, with the reason in the report, where it is absent.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Taken out of the environment, where filterd would look for a setting of that name.
_NAMED = os.environ.pop("FILTERD_SHARED", "")
MAX_UNPACKED = 2 << 30  # bytes; the largest archive unpacks to about 0.2 GB


def shared_folder() -> Path:
    """The folder itself, whether or not it exists."""
    return Path(_NAMED) if _NAMED else ROOT.parent / "shared"


def shared_path(relative: str) -> Path:
    """A file or folder beneath `shared`; skips the test, visibly, if it is absent."""
    path = shared_folder() / relative
    if not path.exists():
        pytest.skip(
            f"shared/{relative} is absent (see tests/README.md)", allow_module_level=True
        )
    return path


def corpus(name: str) -> Path:
    """The unpacked folder NAME of corpora/NAME.tar.gz (holding ham/ and spam/), made on first use."""
    return unpacked(shared_path(f"corpora/{name}.tar.gz"))


def messages(name: str, kind: str, limit: int | None = None) -> list[Path]:
    """Files of one corpus and kind (`ham` or `spam`) in a fixed order, evenly thinned to `limit`."""
    paths = sorted(
        path for path in corpus(name).rglob("*") if path.is_file() and kind in path.parts
    )
    if limit is None or len(paths) <= limit:
        return paths
    return [paths[index * len(paths) // limit] for index in range(limit)]


def unpacked(archive: Path) -> Path:
    """Where the regular files of a tar archive lie; unpacked once a machine, user and archive version."""
    stat = archive.stat()
    stem = archive.name.removesuffix(".tar.gz")
    cache = Path(tempfile.gettempdir()) / f"filterd-shared-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    target = cache / f"{stem}-{stat.st_size:x}-{int(stat.st_mtime):x}"
    if target.is_dir():
        return target
    fresh = Path(tempfile.mkdtemp(prefix=f"{stem}.", dir=cache))
    _extract(archive, fresh)
    try:
        fresh.rename(target)
    except OSError:  # another run was first
        shutil.rmtree(fresh)
    return target


def _extract(archive: Path, target: Path) -> None:
    """Regular files only, no absolute or climbing names, bounded: an archive is somebody's mail."""
    total = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            name = PurePosixPath(member.name)
            if not member.isfile() or name.is_absolute() or ".." in name.parts:
                continue
            total += member.size
            source = tar.extractfile(member)
            if source is None or total > MAX_UNPACKED:
                break
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink)

"""ownership - what root makes in the state directory belongs to the filter's user.

Owns:   hand_over, left_by_root.
Why:    the service runs as a user of its own; a database or model that an administrator's command made as
        root could be read by it at best, and every write of it would fail.
Rules of this file: the owner of the directory may be an attacker: nothing is followed, nothing with a
        second name is given away (it could be /etc/shadow), all by descriptors.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

MOST = 100_000  # entries that are looked at; a spool may be long


def hand_over(folder: Path) -> int:
    """Give what root owns below `folder` to the owner of `folder`; how many, 0 unless root runs."""
    if os.geteuid() != 0:
        return 0
    try:
        owner = folder.stat()
    except OSError:
        return 0
    if owner.st_uid == 0:
        return 0
    given = 0
    for directory, path, found in _entries(folder):
        if found.st_uid != 0:
            continue
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            entry = os.open(path.name, flags, dir_fd=directory)
        except OSError:  # a link, a socket, or gone
            continue
        try:
            now = os.fstat(entry)
            alone = stat.S_ISDIR(now.st_mode) or (
                stat.S_ISREG(now.st_mode) and now.st_nlink == 1
            )
            if alone and now.st_uid == 0:
                os.fchown(entry, owner.st_uid, owner.st_gid)
                given += 1
        finally:
            os.close(entry)
    return given


def left_by_root(folder: Path) -> list[str]:
    """Names below `folder` that are root's though `folder` is not; at most ten.

    What others own is theirs on purpose: a spool is filled by the users of an IMAP server.
    """
    try:
        if folder.stat().st_uid == 0:
            return []
    except OSError:
        return []
    found = []
    for _, path, entry in _entries(folder):
        if entry.st_uid == 0:
            found.append(str(path.relative_to(folder)))
            if len(found) == 10:
                break
    return found


def _entries(folder: Path) -> Iterator[tuple[int, Path, os.stat_result]]:
    """Every entry below, as its directory's descriptor, its path, and what it was a moment ago."""
    left = MOST
    for where, folders, files, directory in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            left -= 1
            if left < 0:
                return
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except OSError:  # gone meanwhile
                continue
            yield directory, Path(where, name), found

"""machine - is the machine under the filter sound: its clock, its disk, who may read what?

Owns:   the probes of clock, disk and files.
Not here: all other probes, and what a finding is (probe). The same rules as there.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from filterd.core.ownership import left_by_root
from filterd.frontends.cli.probe import Finding, failure, ok, warning


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def clock_error() -> float | None:
    """Seconds the kernel's clock may be wrong by most; None where nobody keeps it (adjtimex(2))."""
    found = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found))
    except (OSError, AttributeError):
        return None
    return None if state == 5 else found.maxerror / 1e6  # 5: TIME_ERROR, not synchronised


def clock(error: float | None) -> Iterator[Finding]:
    """Is somebody keeping the time? Signatures and greylisting depend on it."""
    if error is None:
        yield warning(
            "clock", "nothing keeps this machine's clock", "systemd-timesyncd, chrony or ntpd"
        )
    elif error > 60:
        yield warning(
            "clock",
            f"may be wrong by {error:.0f} s",
            "is the time service reaching its servers?",
        )
    else:
        yield ok("clock", "is kept")


def disk(path: Path) -> Iterator[Finding]:
    """Is there room for state?"""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    usage = shutil.disk_usage(place)
    inodes = os.statvfs(place)
    free = usage.free / (1 << 20)
    share = inodes.f_favail / inodes.f_files if inodes.f_files else 1.0
    if free < 100 or share < 0.01:
        yield failure(
            "disk", f"{place} has {free:.0f} MB and {share:.0%} of its inodes left", "make room"
        )
    elif free < 1024 or share < 0.05:
        yield warning(
            "disk", f"{place} has {free:.0f} MB and {share:.0%} of its inodes left", "make room"
        )
    else:
        yield ok("disk", f"{place} has {free / 1024:.0f} GB left")
    if _file_system(place) in {"tmpfs", "ramfs", "overlay"}:
        yield warning(
            "disk",
            f"{place} is on {_file_system(place)}: state is lost with the machine or container",
            "mount a volume there",
        )


def _file_system(path: Path) -> str:
    """The kind of the file system that holds the path, from /proc/mounts."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        fields = line.split()
        where = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
        inside = where == "/" or str(path) == where or str(path).startswith(f"{where}/")
        if where and inside and len(where) >= len(best):
            best, kind = where, fields[2]
    return kind


def files(config_files: Sequence[Path], secrets: bool, state_dir: Path) -> Iterator[Finding]:
    """Can only those read and write who should?"""
    is_fine = True
    for path in config_files:
        try:
            found = path.stat().st_mode
        except OSError as error:
            is_fine = False
            yield failure("files", f"{path}: {error.strerror}")
            continue
        if found & stat.S_IWOTH:
            is_fine = False
            yield failure("files", f"{path} can be changed by everyone", f"chmod o-w {path}")
        if secrets and found & stat.S_IROTH:
            is_fine = False
            yield warning(
                "files",
                f"{path} holds secrets and can be read by everyone",
                f"chmod o-r {path}, or _FILE variables",
            )
    if state_dir.is_dir():
        found = state_dir.stat().st_mode
        if found & stat.S_IWOTH and not found & stat.S_ISVTX:
            is_fine = False
            yield failure(
                "files", f"{state_dir} can be changed by everyone", f"chmod o-w {state_dir}"
            )
    of_root = left_by_root(state_dir)
    if of_root:
        is_fine = False
        owner = _account(state_dir.stat().st_uid)
        yield failure(
            "files",
            f"root owns {', '.join(of_root)} in {state_dir}, which {owner} has to write",
            f"chown -R --no-dereference {owner}: {state_dir}, then restart filterd",
        )
    if is_fine:
        yield ok("files", "permissions are as they should be")


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)

"""Run a command under the system call filter of a systemd unit, as systemd would set it up.

python -m tests.support.sandbox UNIT COMMAND...   (needs libseccomp, which systemd itself uses)

What is honoured: NoNewPrivileges, SystemCallFilter, SystemCallErrorNumber=EPERM, MemoryDenyWriteExecute,
RestrictAddressFamilies. Name spaces and paths are not: those need systemd.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

ALLOW, EPERM = 0x7FFF0000, 0x00050001
MASKED_EQ = 7
PROT_WRITE, PROT_EXEC = 2, 4
PR_SET_NO_NEW_PRIVS = 38
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
MOST_FAMILIES = 46


class _Compare(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if match := re.match(r"([A-Za-z]+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def members(group: str) -> set[str]:
    """The system calls of a group such as @system-service, groups inside it included."""
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", group],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    found: set[str] = set()
    for line in done.stdout.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            found |= members(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


def allowed(filters: list[str]) -> set[str]:
    """What is left after all lines of SystemCallFilter=, in order."""
    left: set[str] = set()
    for line in filters:
        words = line.lstrip("~").split()
        named = {
            call
            for word in words
            for call in (members(word) if word.startswith("@") else {word})
        }
        left = left - named if line.startswith("~") else left | named
    return left | members("@default")


def enter(unit: Path) -> None:
    """Give up what the unit forbids; for this process and its children, for good."""
    said = settings(unit)
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(EPERM)))
    calls = allowed(said["SystemCallFilter"])

    def rule(action: int, call: str, *comparisons: _Compare) -> None:
        number = lib.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return  # not of this architecture
        array = (_Compare * max(1, len(comparisons)))(*comparisons)
        if lib.seccomp_rule_add_array(
            context, ctypes.c_uint32(action), number, len(comparisons), array
        ):
            raise OSError(f"cannot filter {call}")

    if said.get("MemoryDenyWriteExecute") == ["yes"]:
        calls -= {"mmap", "mprotect", "pkey_mprotect"}
        for other in (0, PROT_WRITE, PROT_EXEC):  # every combination but both at once
            rule(ALLOW, "mmap", _Compare(2, MASKED_EQ, PROT_WRITE | PROT_EXEC, other))
        for call in ("mprotect", "pkey_mprotect"):
            rule(ALLOW, call, _Compare(2, MASKED_EQ, PROT_EXEC, 0))
    if families := said.get("RestrictAddressFamilies"):
        calls -= {"socket"}
        for name in families[0].split():
            rule(ALLOW, "socket", _Compare(0, MASKED_EQ, 0xFFFFFFFF, FAMILIES[name]))
    for call in calls:
        rule(ALLOW, call)
    if ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or lib.seccomp_load(context):
        raise OSError("the kernel takes no filter")


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])

"""What is freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCATTERED = """
import resource, sys
from filterd.serve import memory
def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
memory.bound()
kept = [(bytes(20_000), bytearray(500)) for _ in range(1_000)]
full = resident()
small = [second for _, second in kept]
del kept
freed = resident()
memory.give_back()
print(full, freed, resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_free_pages_between_used_ones_are_given_back() -> None:
    found = subprocess.run(
        [sys.executable, "-c", SCATTERED], capture_output=True, text=True, check=True
    )
    full, freed, after = map(int, found.stdout.split())
    assert full - freed < 10_000_000  # what is between stays
    assert full - after > 15_000_000


LIBRARIES = """
import ctypes, sqlite3
from filterd.serve import memory
def resident():
    total, is_library = 0, False
    with open("/proc/self/smaps") as smaps:
        for line in smaps:
            first, *rest = line.split()
            if not first.endswith(":"):
                is_library = ".so" in line and rest[0] != "rw-p"
            elif first == "Rss:" and is_library:
                total += int(rest[0])
    return total
sqlite3.connect(":memory:").execute("select 1")
before = resident()
memory.leave(memory.untouched_libraries())
after = resident()
assert sqlite3.connect(":memory:").execute("select 7").fetchone() == (7,)
print(before, after, ctypes.CDLL(None).getpid() > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="proc(5)")
def test_libraries_are_left_and_still_work() -> None:
    found = subprocess.run(
        [sys.executable, "-c", LIBRARIES], capture_output=True, text=True, check=True
    )
    before, after, works = found.stdout.split()
    assert int(after) < int(before) / 2
    assert works == "True"

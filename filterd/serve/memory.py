"""memory - how the C library keeps what Python gives back, and when it returns it to the system.

Owns:   bound (once, in the master), give_back (in each worker, every so often), leave_libraries (before a fork).
Why:    messages are freed in another order than they were taken: after 1,500 of them, eight at a time, 3 to
        5 MB of a worker's heap were free pages between used ones. Without glibc nothing changes.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

MALLOC = {  # mallopt(3)
    -8: 1,  # M_ARENA_MAX: threads that take turns gain nothing from arenas of their own (10 MB)
    -3: 256 << 10,  # M_MMAP_THRESHOLD: fixed, else it grows with the largest message seen
    -1: 1 << 20,  # M_TRIM_THRESHOLD
}
_DONTNEED = 4  # madvise(2)
GIVE_BACK_EVERY = 5.0  # seconds; one time takes 0.5 ms, and 1 ms to get 4 MB anew


def bound() -> None:
    """Keep one heap for all threads, of a size that does not depend on the largest message."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC.items():
            mallopt(parameter, value)


def give_back() -> None:
    """Return whole free pages, wherever in the heap they lie."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def leave_libraries() -> None:
    """Unmap what the start has read of shared objects; what is needed again comes from the page cache.

    Loading and linking them touches pages that serving never does: 12 MB of the master's 39.
    """
    with contextlib.suppress(OSError, AttributeError):
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        for start, end in list(_untouched()):
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONTNEED)


def _untouched() -> Iterator[tuple[int, int]]:
    """Mappings of files that can only be read and hold no page of our own (proc(5), smaps)."""
    start = end = 0
    is_file = False
    with open("/proc/self/smaps", encoding="ascii", errors="replace") as smaps:  # noqa: PTH123
        for line in smaps:
            first, *rest = line.split(None, 5)
            if first == "Anonymous:":
                if is_file and rest[0] == "0":
                    yield start, end
            elif not first.endswith(":"):
                start, end = (int(part, 16) for part in first.split("-"))
                is_file = len(rest) == 5 and rest[4].startswith("/") and "w" not in rest[0]

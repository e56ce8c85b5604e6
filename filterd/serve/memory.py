"""memory - how the C library keeps what Python gives back, and when it returns it to the system.

Owns:   bound (once, in the master), give_back (in each worker, every so often).
Why:    messages are freed in another order than they were taken: after 1,500 of them, eight at a time, 3 to
        5 MB of a worker's heap were free pages between used ones. Without glibc nothing changes.
"""

from __future__ import annotations

import contextlib
import ctypes

MALLOC = {  # mallopt(3)
    -8: 1,  # M_ARENA_MAX: threads that take turns gain nothing from arenas of their own (10 MB)
    -3: 256 << 10,  # M_MMAP_THRESHOLD: fixed, else it grows with the largest message seen
    -1: 1 << 20,  # M_TRIM_THRESHOLD
}
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

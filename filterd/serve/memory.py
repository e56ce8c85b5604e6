"""memory - how the C library keeps what Python gives back, and when it returns it to the system.

Owns:   bound (once, in the master), give_back and leave (before a fork, and in a worker every so often).
Why:    messages are freed in another order than they were taken: after 1,500 of them, eight at a time, 3 to
        5 MB of a worker's heap were free pages between used ones. Starting touches 6 MB of libraries that
        scanning does not. Without glibc nothing changes.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterable, Iterator

MALLOC = {  # mallopt(3)
    -8: 1,  # M_ARENA_MAX: threads that take turns gain nothing from arenas of their own (10 MB)
    -3: 256 << 10,  # M_MMAP_THRESHOLD: fixed, else it grows with the largest message seen
    -1: 1 << 20,  # M_TRIM_THRESHOLD
}
Mapping = tuple[int, int]  # first address, and the one behind the last
_DONTNEED = 4  # madvise(2)
TIDY_EVERY = 2.0  # seconds; one time takes 0.7 ms, and 1 ms to get again what is still used


def bound() -> None:
    """Keep one heap for all threads, of a size that does not depend on the largest message."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC.items():
            mallopt(parameter, value)


def tidying() -> Callable[[], None]:
    """What a worker does every TIDY_EVERY seconds; the libraries are those mapped now."""
    libraries = untouched_libraries()

    def tidy() -> None:
        give_back()
        leave(libraries)

    return tidy


def give_back() -> None:
    """Return whole free pages, wherever in the heap they lie."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def leave(libraries: Iterable[Mapping]) -> None:
    """Unmap what was read of them so far; what is needed again comes from the page cache.

    Loading and linking touch pages that serving never does: 12 MB of the master's 39.
    """
    with contextlib.suppress(OSError, AttributeError):
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        for start, end in libraries:
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONTNEED)


def untouched_libraries() -> tuple[Mapping, ...]:
    """Where shared objects lie that can only be read and hold no page of our own.

    Python never unloads one, so the places stay true; other files come and go.
    """
    with contextlib.suppress(OSError):
        return tuple(_untouched())
    return ()


def _untouched() -> Iterator[Mapping]:
    start = end = 0
    is_library = False
    with open("/proc/self/smaps", encoding="ascii", errors="replace") as smaps:  # noqa: PTH123
        for line in smaps:  # proc(5)
            first, *rest = line.split(None, 5)
            if first == "Anonymous:":
                if is_library and rest[0] == "0":
                    yield start, end
            elif not first.endswith(":"):
                start, end = (int(part, 16) for part in first.split("-"))
                is_library = len(rest) == 5 and ".so" in rest[4] and "w" not in rest[0]

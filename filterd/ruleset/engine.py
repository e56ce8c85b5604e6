"""engine - one RE2 pattern, compiled in the process that matches with it.

Owns:   Engine, engine, forget, Span.
Not here: reading patterns (syntax, emit), when one is looked for (match).

Whoever matches writes into a pattern: its lock, the states that it makes. Workers would share nothing of what the
master compiled but pay for its copy: 10 MB for the shipped rules. So what the start needed is forgotten.
RE2 is asked without google-re2's likeness of Python's `re`, which takes longer than a short search does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import re2
from re2 import _re2

from filterd.ruleset.tree import PatternError

# Bytes for a pattern's program and the states it makes while matching, kept by each worker; tried in turn, and
# what needs more is refused.
PATTERN_MEMORY = (256 << 10, 1 << 20, 4 << 20)
# Of ours: with 128 kB a worker keeps 2 MB more of the shipped rules after 3,000 messages, and takes two thirds of
# the time for texts of 200 kB, which are rare; a message of the load costs 3 % less.
OUR_MEMORY = (96 << 10, *PATTERN_MEMORY)
# Of what another goes before: hardly ever looked for, it does not need states at all.
SELDOM_MEMORY = (64 << 10, *PATTERN_MEMORY)

Span = tuple[int, int]  # where a match begins and ends

_ANYWHERE = _re2.RE2.Anchor.UNANCHORED
_AT_START = _re2.RE2.Anchor.ANCHOR_START


class Engine:
    """A pattern over bytes that RE2 accepted; shared by all threads."""

    __slots__ = ("_made", "_options", "pattern")

    def __init__(self, pattern: bytes, options: re2.Options, made: _re2.RE2) -> None:
        self.pattern = pattern
        self._options = options
        self._made: _re2.RE2 | None = made

    def forget(self) -> None:
        """Let go of what RE2 keeps; the next use compiles again."""
        self._made = None

    @property
    def is_latin1(self) -> bool:
        """Whether the pattern's characters are bytes."""
        return bool(self._options.encoding == re2.Options.Encoding.LATIN1)

    @property
    def programsize(self) -> int:
        """RE2's measure of what a pattern costs."""
        return self._compiled().ProgramSize()

    def search(self, text: bytes, start: int, end: int) -> Span | None:
        """The first match that begins at `start` or later and ends by `end`, or None."""
        ((at, to),) = (self._made or self._compiled()).Match(_ANYWHERE, text, start, end)
        return (at, to) if at >= 0 else None

    def match(self, text: bytes, start: int, end: int) -> Span | None:
        """The match that begins at `start` and ends by `end`, or None."""
        ((at, to),) = (self._made or self._compiled()).Match(_AT_START, text, start, end)
        return (at, to) if at >= 0 else None

    def spans(self, text: bytes) -> Iterator[Span]:
        """All matches, none overlapping another."""
        start = 0
        while start <= len(text):
            found = self.search(text, start, len(text))
            if found is None:
                return
            yield found
            start = max(found[1], start + 1)

    def _compiled(self) -> _re2.RE2:
        made = self._made
        if made is None:  # two threads may both do it, and the later one's stays
            made = self._made = _re2.RE2(self.pattern, self._options)
        return made


def engine(
    pattern: bytes, *, latin1: bool = False, memory: Iterable[int] = PATTERN_MEMORY
) -> Engine:
    """The engine of RE2 text; PatternError where it is too large."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    if latin1:
        options.encoding = options.Encoding.LATIN1
    reason = b""
    for options.max_mem in memory:
        made = _re2.RE2(pattern, options)
        if made.ok():
            return Engine(pattern, options, made)
        reason = made.error()
    raise PatternError(f"RE2: {reason.decode('latin-1')}")


def forget(engines: Iterable[Engine]) -> None:
    """Free what these keep: before a fork, since no process would share it."""
    for each in engines:
        each.forget()

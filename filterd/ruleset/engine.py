"""engine - one RE2 pattern, compiled in the process that matches with it.

Owns:   Engine, engine, forget.
Not here: reading patterns (syntax, emit), when one is looked for (match).

Whoever matches writes into a pattern: its lock, the states that it makes. Workers would share nothing of what the
master compiled but pay for its copy: 10 MB for the shipped rules. So what the start needed is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2

from filterd.ruleset.tree import PatternError

# Bytes for a pattern's program and the states it makes while matching, kept by each worker: with
# 256 kB each the shipped rules keep 10 MB after 1,500 messages, with 4 MB each 26 MB, equally fast
# (with 128 kB they take twice the time).
PATTERN_MEMORY = (256 << 10, 1 << 20, 4 << 20)  # tried in turn; what needs more is refused


class Engine:
    """A pattern over bytes that RE2 accepted; shared by all threads."""

    __slots__ = ("_made", "_options", "pattern")

    def __init__(self, pattern: bytes, options: re2.Options) -> None:
        self.pattern = pattern
        self._options = options
        self._made: Any = re2.compile(pattern, options)

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
        return self._compiled().programsize  # type: ignore[no-any-return]

    def search(self, text: bytes, start: int = 0, end: int | None = None) -> Any:
        """The first match that begins at `start` or later and ends by `end`, or None."""
        return (self._made or self._compiled()).search(text, start, end)

    def match(self, text: bytes, start: int = 0, end: int | None = None) -> Any:
        """The match that begins at `start` and ends by `end`, or None."""
        return (self._made or self._compiled()).match(text, start, end)

    def finditer(self, text: bytes) -> Any:
        """All matches, none overlapping another."""
        return (self._made or self._compiled()).finditer(text)

    def _compiled(self) -> Any:
        made = self._made
        if made is None:  # two threads may both do it, and the later one's stays
            made = self._made = re2.compile(self.pattern, self._options)
        return made


def engine(pattern: bytes, *, latin1: bool = False) -> Engine:
    """The engine of RE2 text; PatternError where it is too large."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    if latin1:
        options.encoding = options.Encoding.LATIN1
    reason: str | bytes = ""
    for memory in PATTERN_MEMORY:
        options.max_mem = memory
        try:
            return Engine(pattern, options)
        except re2.error as error:
            reason = error.args[0] if error.args else "not accepted"
    if isinstance(reason, bytes):
        reason = reason.decode("latin-1")
    raise PatternError(f"RE2: {reason}")


def forget(engines: Iterable[Engine]) -> None:
    """Free what these keep: before a fork, since no process would share it."""
    for each in engines:
        each.forget()
    re2.purge()  # google-re2 itself keeps the last 128

"""backtrack - patterns with look-around and back-references, with a hard limit on steps and on time.

Owns:   Backtracking, Allowance; the only importer of `pcre2`.
Not here: patterns that RE2 can run (match), which need no limit.
RE2 looks for the pattern's loose form, in linear time; only from where that begins does PCRE2 try, at most
`steps` from each place (28 ns each: 20,000 take 0.6 ms). All such patterns together have an allowance of CPU
time for a message, looked at before each try. Reaching either is "no match" and is counted by rule.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pcre2

from filterd.ruleset.syntax import PatternError

# Seconds of CPU a message; the 1,300 such rules of SpamAssassin take 0.02 on public mail.
ALLOWANCE = 0.5
HEAP = 4_000  # KiB that one match may use
DEPTH = 2_000  # nested steps of one match

_until: ContextVar[float | None] = ContextVar("backtracking_until", default=None)
_given_up: ContextVar[set[str] | None] = ContextVar("backtracking_given_up", default=None)


class Allowance:
    """With this around it, all tries count against one allowance; it is the set of rules that gave up."""

    def __init__(self, seconds: float = ALLOWANCE) -> None:
        self._seconds = seconds

    def __enter__(self) -> set[str]:
        names: set[str] = set()
        self._tokens = (
            _until.set(time.thread_time() + self._seconds),
            _given_up.set(names),
        )
        return names

    def __exit__(self, *_: object) -> None:
        _until.reset(self._tokens[0])
        _given_up.reset(self._tokens[1])


class Backtracking:
    """A pattern run by PCRE2; searches as RE2's patterns do."""

    def __init__(
        self,
        source: bytes,
        flags: str,
        loose: Any,
        *,
        steps: int,
        name: str,
        exhausted: Counter[str],
    ) -> None:
        limits = b"(*LIMIT_MATCH=%d)(*LIMIT_DEPTH=%d)(*LIMIT_HEAP=%d)" % (steps, DEPTH, HEAP)
        letters = "".join(sorted(set(flags) & set("imsx"))).encode()
        self.pattern = b"(?%b)%b" % (letters, source) if letters else source
        self.programsize = len(source)
        self.loose = loose
        self._exhausted = exhausted
        self._name = name
        try:
            self._compiled = pcre2.compile(limits + self.pattern, jit=False)
        except pcre2.LibraryError as error:
            raise PatternError(f"PCRE2: {error}") from None

    def search(self, text: bytes, pos: int = 0, endpos: int | None = None) -> Any:
        """The first match that begins at or behind `pos`, or None; what follows `endpos` is seen too."""
        until = _until.get()
        end = len(text) if endpos is None else endpos
        while pos <= end:
            loosely = self.loose.search(text, pos)
            if loosely is None:
                return None
            if until is not None and time.thread_time() > until:
                return self._give_up()
            try:
                found = self._compiled.match(text, loosely.start())
            except pcre2.LibraryError:  # a limit was reached
                return self._give_up()
            if found is not None:
                return found
            pos = loosely.start() + 1
        return None

    def finditer(self, text: bytes) -> Iterator[Any]:
        """Matches from left to right, none overlapping; stops at a limit."""
        pos = 0
        while pos <= len(text):
            found = self.search(text, pos)
            if found is None:
                return
            yield found
            pos = max(found.end(), pos + 1)

    def _give_up(self) -> None:
        self._exhausted[self._name] += 1
        names = _given_up.get()
        if names is not None:
            names.add(self._name)

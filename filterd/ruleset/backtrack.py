"""backtrack - patterns with look-around and back-references, with a hard limit on steps and on time.

Owns:   Backtracking; the only importer of `pcre2`.
Not here: patterns that RE2 can run (match), which need no limit.
RE2 looks for the pattern's loose form, in linear time; only from where that begins does PCRE2 try, at most
`steps` from each place (28 ns each: 20,000 take 0.6 ms). All such patterns together have an allowance of CPU
time for a message, looked at before each try. Reaching either is "no match" and is counted by rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pcre2

from filterd.ruleset.allowance import give_up, is_used_up
from filterd.ruleset.tree import PatternError

# Seconds of CPU a message; the 1,300 such rules of SpamAssassin take 0.02 on public mail.
ALLOWANCE = 0.5
HEAP = 4_000  # KiB that one match may use
DEPTH = 2_000  # nested steps of one match


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
        end = len(text) if endpos is None else endpos
        while pos <= end:
            loosely = self.loose.search(text, pos)
            if loosely is None:
                return None
            if is_used_up():
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
        give_up(self._name)

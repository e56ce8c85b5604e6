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

import pcre2

from filterd.ruleset.allowance import give_up, is_used_up
from filterd.ruleset.engine import Engine, Span
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
        loose: Engine,
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

    def search(self, text: bytes, start: int, end: int) -> Span | None:
        """The first match that begins at `start` or later, or None; what follows `end` is seen too."""
        while start <= end:
            loosely = self.loose.search(text, start, len(text))
            if loosely is None:
                return None
            if is_used_up():
                break
            try:
                found = self._compiled.match(text, loosely[0])
            except pcre2.LibraryError:
                break
            if found is not None:
                return found.span()
            start = loosely[0] + 1
        else:
            return None
        # left by `break`: some limit was reached
        self._exhausted[self._name] += 1
        give_up(self._name)
        return None

    def spans(self, text: bytes) -> Iterator[Span]:
        """Matches from left to right, none overlapping; stops at a limit."""
        start = 0
        while start <= len(text):
            found = self.search(text, start, len(text))
            if found is None:
                return
            yield found
            start = max(found[1], start + 1)

"""match - many patterns over one text, in time linear in the text.

Owns:   Pattern, Matcher, Found.
Not here: which texts (place), which rules (program), reading patterns (syntax, emit, literal).

One RE2 set of the words that patterns need says, in one pass, which patterns can match at all; only
these are looked for, and only around their words where a match has a greatest width. Measured on
1,000 patterns and 20 kB: the pass 84 us, then about 30 patterns at 3 us; all patterns in one RE2 set
take 40 ms (its states do not fit), one by one 30 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from filterd.ruleset.emit import to_re2
from filterd.ruleset.literal import Needed, needed
from filterd.ruleset.syntax import HINTS, PatternError, beyond, parse

SET_MEMORY = 64 << 20  # bytes; what a set may use, not what it does
PATTERN_MEMORY = 4 << 20  # bytes; a pattern that needs more is refused
MAX_WINDOW = 4_096  # bytes; wider patterns are looked for in the whole text
MAX_WINDOWS = 64  # around words of one pattern; with more the whole text is looked at once
MAX_COUNT = 100  # matches counted of one pattern in one text


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled pattern; `source` as it was written."""

    source: str
    engine: Any  # re2 pattern over bytes
    needed: Needed

    def is_in(
        self, text: bytes, low: bytes | None = None, words: Iterable[bytes] = ()
    ) -> tuple[int, int] | None:
        """The first match found as (start, end), or None.

        With `low` (the text in lower case) and the `words` that stand in it, only around these.
        """
        need = self.needed
        reach, width = need.before, need.width
        if low is None or not words or reach is None or width is None or width > MAX_WINDOW:
            return self._search(text, 0, len(text))
        left = MAX_WINDOWS
        for word in words:
            at = low.find(word)
            while at >= 0:
                left -= 1
                if left < 0:
                    return self._search(text, 0, len(text))
                start = at - reach if at > reach else 0
                found = self._search(text, start, min(len(text), at + width))
                if found is not None:
                    return found
                at = low.find(word, at + 1)
        return None

    def _search(self, text: bytes, start: int, end: int) -> tuple[int, int] | None:
        found = self.engine.search(text, start, end)
        return None if found is None else found.span()

    def count(self, text: bytes, most: int) -> int:
        """How many matches there are, no two overlapping, at most `most`."""
        number = 0
        for _ in self.engine.finditer(text):
            number += 1
            if number >= most:
                break
        return number


def compile_pattern(source: str, flags: str = "") -> Pattern:
    """Read and compile one pattern of ours; PatternError with a hint where RE2 cannot run it."""
    tree = parse(source, flags)
    for item in beyond(tree):
        hint = HINTS.get(item.what, "write it without")
        raise PatternError(f"{item.what} cannot run in linear time; {hint}", item.column)
    return Pattern(source, engine(to_re2(tree).encode()), needed(tree))


def engine(text: bytes, *, latin1: bool = False) -> Any:
    """The RE2 pattern of RE2 text; PatternError where it is too large."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY
    options.never_capture = True
    if latin1:
        options.encoding = options.Encoding.LATIN1
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not accepted"
        if isinstance(reason, bytes):
            reason = reason.decode("latin-1")
        raise PatternError(f"RE2: {reason}") from None


class Matcher:
    """The patterns of one place."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._free = tuple(i for i, p in enumerate(self.patterns) if not p.needed.words)
        by_word: dict[bytes, list[int]] = {}
        for index, pattern in enumerate(self.patterns):
            for word in pattern.needed.words:
                by_word.setdefault(word, []).append(index)
        self._owners = tuple((word, tuple(owners)) for word, owners in by_word.items())
        self._set = word_set(by_word) if by_word else None

    def candidates(self, low: bytes) -> dict[int, list[bytes]]:
        """Patterns that can match the lower-case text, by index, with their words that stand in it."""
        found: dict[int, list[bytes]] = {index: [] for index in self._free}
        if self._set is None:
            return found
        for number in self._set.Match(low) or ():
            word, owners = self._owners[number]
            for index in owners:
                found.setdefault(index, []).append(word)
        return found

    def search(self, texts: Sequence[bytes]) -> Iterator[tuple[int, bytes, int, int]]:
        """(index, text, start, end) of the first match of each pattern that matches any text."""
        if not texts:
            return
        whole = texts[0] if len(texts) == 1 else b"\n".join(texts)
        low = lowered(whole)
        is_aligned = len(texts) == 1 and len(low) == len(whole)
        for index, words in self.candidates(low).items():
            pattern = self.patterns[index]
            for text in texts:
                span = pattern.is_in(text, low if is_aligned else None, words)
                if span is not None:
                    yield index, text, *span
                    break


def lowered(text: bytes) -> bytes:
    """The text in ASCII lower case, with the two characters that fold into ASCII (K, long s)."""
    low = text.lower()
    if b"\xe2\x84\xaa" in low:
        low = low.replace(b"\xe2\x84\xaa", b"k")
    if b"\xc5\xbf" in low:
        low = low.replace(b"\xc5\xbf", b"s")
    return low


def word_set(words: Iterable[bytes]) -> Any:
    """An RE2 set of plain words, numbered in their order."""
    options = re2.Options()
    options.literal = True
    options.log_errors = False
    options.never_capture = True
    options.max_mem = SET_MEMORY
    options.encoding = options.Encoding.LATIN1
    made = re2.Set.SearchSet(options)
    for word in words:
        made.Add(word)
    made.Compile()
    return made

"""match - many patterns over one text, in time linear in the text.

Owns:   Pattern, Matcher, Found.
Not here: which texts (place), which rules (program), reading patterns (syntax, emit, literal).

One pass for the words that patterns need (gate) says which patterns can match at all; only these
are looked for, and only around their words where a match has a greatest width. Measured on
1,000 phrases and 20 kB of list mail: 0.25 ms. All patterns in one RE2 set take 40 ms (its states do
not fit into any cache), one by one 30 ms, in hyperscan 1.3 ms and 13 s to compile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from filterd.ruleset.emit import to_re2
from filterd.ruleset.gate import Gate
from filterd.ruleset.literal import MAX_HELD, Needed, Run, needed
from filterd.ruleset.syntax import HINTS, PatternError, beyond, parse

SET_MEMORY = 32 << 20  # bytes; what a set may use, not what it does
PATTERN_MEMORY = 4 << 20  # bytes; a pattern that needs more is refused
# A word's place is known to a chunk of so many bytes; wider patterns are looked for everywhere.
CHUNK = 4_096
# A needed word that begins in a chunk ends, its white space included, so many bytes behind it.
OVERLAP = 512
FREE_PATTERNS = 16  # without a word, in one set: 72 one by one take 3.8 ms on 20 kB, so 0.4 ms
FREE_MEMORY = 16 << 20  # bytes a set of them may use
LONG_S = "\u017f".encode()  # fold to s and k in RE2 as in Unicode, but not in ASCII
KELVIN = "\u212a".encode()
MAX_COUNT = 100  # matches counted of one pattern in one text


def _latin1() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.encoding = options.Encoding.LATIN1
    return options


_LONG_RUNS = {
    Run.SPACE: re2.compile(rb"\s{%d}" % Run.SPACE.value, _latin1()),
    Run.SOLID: re2.compile(rb"[^\s]{%d}" % Run.SOLID.value, _latin1()),
    Run.LINE: re2.compile(rb"[^\n]{%d}" % Run.LINE.value, _latin1()),
}


class Text:
    """One text that is looked at, and which long runs of one kind of characters it has."""

    __slots__ = ("_runs", "chunk", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._runs: dict[Run, bool] = {}
        # In a text with long white space a needed word can be wider than OVERLAP.
        is_whole = len(data) <= CHUNK or self.has((Run.SPACE,))
        self.chunk = max(len(data), 1) if is_whole else CHUNK

    def has(self, runs: Iterable[Run]) -> bool:
        """Whether any such run is longer than pattern widths reckon with."""
        for run in runs:
            known = self._runs.get(run)
            if known is None:
                known = self._runs[run] = _LONG_RUNS[run].search(self.data) is not None
            if known:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled pattern; `source` as it was written."""

    source: str
    engine: Any  # re2 pattern over bytes
    needed: Needed

    def is_in(self, text: bytes) -> tuple[int, int] | None:
        """The first match in the text as (start, end), or None."""
        return self._search(text, 0, len(text))

    def is_near(self, text: Text, chunks: Sequence[int]) -> tuple[int, int] | None:
        """The first match found, given the numbers of the chunks in which its words begin."""
        need = self.needed
        if (
            need.width is None
            or need.before is None
            or need.width > CHUNK
            or text.has(need.runs)
        ):
            return self._search(text.data, 0, len(text.data))
        started = ended = -1  # of the span that is open
        for chunk in chunks:
            start = max(0, chunk * text.chunk - need.before)
            if start > ended:
                if (
                    ended >= 0
                    and (found := self._search(text.data, started, ended)) is not None
                ):
                    return found
                started = start
            ended = min(len(text.data), (chunk + 1) * text.chunk + OVERLAP + need.width)
        return self._search(text.data, started, ended)

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
        # One big number for each word: bit n of plane k says that the word is one of the k-th set
        # of words that pattern n needs. Adding up the words of a text is then a few ORs.
        count = len(self.patterns)
        by_word: dict[bytes, int] = {}
        complete = 0  # the planes that no word needs to fill
        for index, pattern in enumerate(self.patterns):
            sets = (pattern.needed.words, *pattern.needed.also)
            for plane in range(MAX_HELD):
                bit = 1 << (index + plane * count)
                if plane >= len(sets):
                    complete |= bit
                    continue
                for word in sets[plane]:
                    by_word[word] = by_word.get(word, 0) | bit
        self._count = count
        self._complete = complete
        self._gate = Gate(by_word) if by_word else None
        free = [n for n, pattern in enumerate(self.patterns) if not pattern.needed.words]
        self._free = tuple(
            (tuple(chunk), pattern_set([self.patterns[index] for index in chunk]))
            for chunk in batched(free, FREE_PATTERNS)
        )

    def candidates(self, text: Text) -> dict[int, list[int]]:
        """Patterns all of whose words stand in the text, with the chunks where the first one does."""
        if self._gate is None:
            return {}
        filled = []
        whole = self._complete
        for start in range(0, max(len(text.data), 1), text.chunk):
            mask = self._gate.numbers(text.data[start : start + text.chunk + OVERLAP])
            filled.append(mask)
            whole |= mask
        first = (1 << self._count) - 1
        found = whole & first
        for plane in range(1, MAX_HELD):
            found &= whole >> (plane * self._count)
        result = {}
        while found:
            bit = found & -found
            found ^= bit
            chunks = [number for number, mask in enumerate(filled) if mask & bit]
            result[bit.bit_length() - 1] = chunks
        return result

    def search(self, texts: Sequence[bytes]) -> Iterator[tuple[int, bytes, int, int]]:
        """(index, text, start, end) of the first match of each pattern that matches any text."""
        if not texts:
            return
        whole = texts[0] if len(texts) == 1 else b"\n".join(texts)
        is_odd = LONG_S in whole or KELVIN in whole
        if is_odd:
            whole = whole.replace(LONG_S, b"s").replace(KELVIN, b"k")
        looked_at = Text(whole)
        for index, chunks in self.candidates(looked_at).items():
            pattern = self.patterns[index]
            if len(texts) == 1 and not is_odd:
                span = pattern.is_near(looked_at, chunks)
                if span is not None:
                    yield index, whole, *span
                continue
            for text in texts:
                span = pattern.is_in(text)
                if span is not None:
                    yield index, text, *span
                    break
        for chunk, together in self._free:
            yield from self._free_ones(chunk, together, texts)

    def _free_ones(
        self, chunk: tuple[int, ...], together: Any, texts: Sequence[bytes]
    ) -> Iterator[tuple[int, bytes, int, int]]:
        """The same of patterns that need no word; one pass of their set says which can match."""
        found: set[int] = set()
        for text in texts:
            hit = range(len(chunk)) if together is None else together.Match(text) or ()
            for number in hit:
                if number in found:
                    continue
                span = self.patterns[chunk[number]].is_in(text)
                if span is not None:
                    found.add(number)
                    yield chunk[number], text, *span
            if len(found) == len(chunk):
                return


def batched(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The items in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def pattern_set(patterns: Sequence[Pattern]) -> Any:
    """An RE2 set of these patterns; None where it would need too much memory."""
    if len(patterns) < 2:
        return None
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = FREE_MEMORY
    if patterns[0].engine.options.encoding == options.Encoding.LATIN1:
        options.encoding = options.Encoding.LATIN1
    made = re2.Set.SearchSet(options)
    try:
        for pattern in patterns:
            made.Add(pattern.engine.pattern)
        made.Compile()
    except re2.error:
        return None
    return made


def word_set(words: Iterable[bytes]) -> Any:
    """An RE2 set of plain words, numbered in their order; ASCII case is ignored."""
    options = re2.Options()
    options.literal = True
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True
    options.max_mem = SET_MEMORY
    options.encoding = options.Encoding.LATIN1
    made = re2.Set.SearchSet(options)
    for word in words:
        made.Add(word)
    made.Compile()
    return made

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

from filterd.ruleset.allowance import give_up, is_used_up
from filterd.ruleset.emit import to_re2
from filterd.ruleset.engine import OUR_MEMORY, SELDOM_MEMORY, Engine, Span, engine
from filterd.ruleset.gate import Gate
from filterd.ruleset.literal import BOUNDARY, Needed, Run, needed
from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import HINTS, Node, PatternError, beyond, branches

SET_MEMORY = 32 << 20  # bytes; what a set may use, not what it does
DENSE = (
    64  # bytes for each place of a word; with fewer, one search of the whole text is cheaper
)
FREE_PATTERNS = 16  # without a word, in one set: 72 one by one take 3.8 ms on 20 kB, so 0.4 ms
FREE_MEMORY = 16 << 20  # bytes a set of them may use
FREE_PROGRAM = 2_000  # instructions; a larger pattern is run alone: in a set it is there twice
LONG_S = "\u017f".encode()  # fold to s and k in RE2 as in Unicode, but not in ASCII
KELVIN = "\u212a".encode()
MAX_PROGRAM = 10_000  # instructions of one pattern of ours; the largest shipped has 3,100
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

    __slots__ = ("_runs", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._runs: dict[Run, bool] = {}

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
    engine: Any  # Engine, or one that backtracks and has an Engine as `loose`
    needed: Needed
    begins_with_word: bool = False  # a match begins where a word of `needed.words` does
    loose: Engine | None = None  # a cheaper one that matches wherever `engine` does

    @property
    def linear(self) -> Engine:
        """The cheapest RE2 pattern that matches wherever this does."""
        found: Engine = self.loose or getattr(self.engine, "loose", self.engine)
        return found

    def engines(self) -> Iterator[Engine]:
        """All that RE2 keeps for it."""
        yield self.linear
        if isinstance(self.engine, Engine):
            yield self.engine

    def is_in(self, text: bytes) -> Span | None:
        """The first match in the text as (start, end), or None."""
        return self._within(text, 0, len(text))

    def is_near(self, text: Text, places: Sequence[int]) -> Span | None:
        """The first match found, given where its words begin, in any order."""
        need = self.needed
        size = len(text.data)
        if (
            need.width is None
            or need.before is None
            or len(places) * DENSE > size
            or text.has(need.runs)
        ):
            return self._within(text.data, 0, size)
        # A word that begins with white space may begin later in it.
        reach = need.width + Run.SPACE.value
        if self.begins_with_word:
            return self._at(text.data, places, reach)
        started = ended = -1  # of the span that is open
        for place in sorted(places):
            start = max(0, place - need.before)
            if start > ended:
                if ended >= 0:
                    found = self._within(text.data, started, ended)
                    if found is not None:
                        return found
                started = start
            ended = min(size, place + reach)
        return self._within(text.data, started, ended)

    def _at(self, text: bytes, places: Iterable[int], reach: int) -> Span | None:
        """The first match found that begins at one of the places."""
        for place in places:
            end = min(len(text), place + reach)
            if self.loose is None or self.loose.match(text, place, end) is not None:
                found: Span | None = self.engine.match(text, place, end)
                if found is not None:
                    return found
        return None

    def _within(self, text: bytes, start: int, end: int) -> Span | None:
        """The first match between two places."""
        if self.loose is not None:
            loosely = self.loose.search(text, start, end)
            if loosely is None:
                return None
            start = loosely[0]
        found: Span | None = self.engine.search(text, start, end)
        return found

    def count(self, text: bytes, most: int) -> int:
        """How many matches there are, no two overlapping, at most `most`."""
        number = 0
        for _ in self.engine.spans(text):
            number += 1
            if number >= most:
                break
        return number


def compile_pattern(source: str, flags: str = "") -> Pattern:
    """Read and compile one pattern of ours; PatternError with a hint where RE2 cannot run it."""
    return _compiled(source, _linear(source, flags))


def compile_branches(source: str, flags: str = "") -> tuple[Pattern, ...]:
    """The pattern as several that together match where it does, each with words of its own.

    Of "cheap pills|free money" neither is looked for but where the words of one of them stand. What is
    looked for there is the whole: 173 programs with their states keep 2.5 MB less in each worker than
    560, one for each branch.
    """
    tree = _linear(source, flags)
    found = branches(tree)
    whole = _engines(tree) if len(found) > 1 else None
    return tuple(_compiled(source, branch, whole) for branch in found)


def _compiled(
    source: str, tree: Node, whole: tuple[Engine, Engine | None] | None = None
) -> Pattern:
    need = needed(tree)
    begins = need.before == 0 and not any(
        word.lstrip(BOUNDARY).startswith(b" ") for word in need.words
    )
    # Without words it goes into a set: only its own part.
    exact, loose = whole if whole is not None and need.words else _engines(tree)
    return Pattern(source, exact, need, begins, loose)


def _engines(tree: Node) -> tuple[Engine, Engine | None]:
    """The engine of a tree, and that of its loose form where this is another."""
    text, loose = to_re2(tree), to_re2(tree, loosely=True)
    is_exact = loose == text
    made = engine(text.encode(), memory=OUR_MEMORY if is_exact else SELDOM_MEMORY)
    if made.programsize > MAX_PROGRAM:
        raise PatternError(
            f"a pattern of {made.programsize:,} instructions; the limit is {MAX_PROGRAM:,}: "
            "repeat less, or put the words into a list"
        )
    return made, None if is_exact else engine(loose.encode(), memory=OUR_MEMORY)


def _linear(source: str, flags: str) -> Node:
    tree = parse(source, flags)
    for item in beyond(tree):
        hint = HINTS.get(item.what, "write it without")
        raise PatternError(f"{item.what} cannot run in linear time; {hint}", item.column)
    return tree


class Matcher:
    """The patterns of one place."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._gate = Gate([pattern.needed for pattern in self.patterns])
        free = [n for n, pattern in enumerate(self.patterns) if not pattern.needed.words]
        large = [n for n in free if self.patterns[n].linear.programsize > FREE_PROGRAM]
        small = [n for n in free if n not in large]
        self._free = tuple(
            (tuple(chunk), pattern_set([self.patterns[index] for index in chunk]))
            for chunk in (*batched(small, FREE_PATTERNS), *batched(large, 1))
        )

    def search(self, texts: Sequence[bytes]) -> Iterator[tuple[int, bytes, int, int]]:
        """(index, text, start, end) of the first match of each pattern that matches any text."""
        if not texts:
            return
        whole = texts[0] if len(texts) == 1 else b"\n".join(texts)
        is_odd = LONG_S in whole or KELVIN in whole
        if is_odd:
            whole = whole.replace(LONG_S, b"s").replace(KELVIN, b"k")
        looked_at = Text(whole)
        for index, places in self._gate.places(whole).items():
            if is_used_up():
                give_up("patterns")
                return
            pattern = self.patterns[index]
            if len(texts) == 1 and not is_odd:
                span = pattern.is_near(looked_at, places)
                if span is not None:
                    yield index, whole, *span
                continue
            for text in texts:
                span = pattern.is_in(text)
                if span is not None:
                    yield index, text, *span
                    break
        for chunk, together in self._free:
            if is_used_up():
                give_up("patterns")
                return
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
    if patterns[0].linear.is_latin1:
        options.encoding = options.Encoding.LATIN1
    made = re2.Set.SearchSet(options)
    try:
        for pattern in patterns:
            made.Add(pattern.linear.pattern)
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

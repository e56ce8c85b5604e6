"""literal - words without which a pattern cannot match, and how wide a match can be.

Owns:   Needed, needed.
One pass over the tree. A rule's pattern is looked at only where one of its words stands, so that a
thousand rules cost little more than the few whose words occur.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from filterd.ruleset.syntax import (
    AnyChar,
    Assertion,
    Beyond,
    Char,
    Choice,
    Class,
    Node,
    Repeat,
    Sequence,
)

MAX_SET = 48  # words one pattern may need one of; more is no filter
MAX_WORD = 24  # bytes kept of a word
SHORTEST = 3  # bytes; shorter words stand everywhere
# Words so common in mail that they filter nothing; they count as half their length.
_COMMON = (
    b"http", b"the", b"and", b"you", b"www.", b".com", b"for", b"your", b"mail", b"this", b"that",
    b"with", b"from", b"content", b"ing", b"://", b"   ", b"---", b"===", b"are", b"ion", b"have",
    b"not", b"href", b"html", b"font", b"style", b"class", b"width", b"span", b"table", b"text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Needed:
    """What a match must hold.

    `words`: lower-case bytes, one of which stands in every match (empty: nothing is known).
    `before`: at most so many bytes of the match precede the word; `width`: bytes of the longest
    match; None is unbounded. `is_exact`: the words are the whole pattern.
    """

    words: frozenset[bytes] = frozenset()
    before: int | None = None
    width: int | None = None
    is_exact: bool = False

    @property
    def worth(self) -> float:
        """How much the words filter: length of the shortest, less for many and for common ones."""
        return _worth(self.words)


def _worth(words: Iterable[bytes]) -> float:
    words = list(words)
    if not words:
        return 0.0
    least = min(map(_weight, words))
    return least - 0.35 * (len(words) - 1).bit_length()


def _weight(word: bytes) -> float:
    length = float(min(len(word), 12))
    for common in _COMMON:
        if common in word:
            length -= len(common) * 0.6
    return length


@dataclass(frozen=True, slots=True)
class _Facts:
    """Of one node: its strings if it has few, its widths, and the best words seen inside."""

    exact: frozenset[bytes] | None  # None: too many or unbounded
    low: int
    high: int | None
    best: frozenset[bytes] = frozenset()
    before: int | None = 0


_EMPTY = _Facts(frozenset({b""}), 0, 0)


def needed(node: Node, *, utf8: bool = True) -> Needed:
    """The words and widths of a pattern; `utf8` False reads its characters as bytes."""
    facts = _facts(node, utf8)
    words, before = _best(facts)
    if not words or min(map(len, words)) < SHORTEST:
        words, before = frozenset(), None
    return Needed(
        frozenset(word[:MAX_WORD] for word in words),
        before,
        facts.high,
        facts.exact is not None and words == facts.exact and not _has_place(node),
    )


def _has_place(node: Node) -> bool:
    stack = [node]
    while stack:
        item = stack.pop()
        match item:
            case Assertion() | Beyond():
                return True
            case Sequence(items=items):
                stack.extend(items)
            case Choice(options=options):
                stack.extend(options)
            case Repeat(item=inner):
                stack.append(inner)
            case _:
                pass
    return False


def _best(facts: _Facts) -> tuple[frozenset[bytes], int | None]:
    """The better of what was seen inside and the node's own strings."""
    strings = facts.exact or frozenset()
    if strings and b"" not in strings and _worth(strings) >= _worth(facts.best):
        return strings, 0
    return facts.best, facts.before


def _facts(node: Node, utf8: bool) -> _Facts:
    match node:
        case Char():
            return _char(node, utf8)
        case Class():
            return _class(node, utf8)
        case AnyChar():
            return _Facts(None, 1, 4 if utf8 else 1)
        case Assertion():
            return _EMPTY
        case Sequence(items=items):
            return _sequence([_facts(item, utf8) for item in items])
        case Choice(options=options):
            return _choice([_facts(option, utf8) for option in options])
        case Repeat(item=inner, low=low, high=high):
            return _repeat(_facts(inner, utf8), low, high)
        case Beyond(inside=inside, consumes=consumes):
            if not consumes:
                return _EMPTY
            if inside is None:
                return _Facts(None, 0, None)
            return _facts(inside, utf8)


def _char(node: Char, utf8: bool) -> _Facts:
    text = chr(node.code)
    if node.code < 128:
        if node.fold and text.isalpha():
            # U+017F and U+212A fold to s and k; whoever looks for words folds them too.
            width = 3 if utf8 and text in "sSkK" else 1
            return _Facts(frozenset({text.lower().encode()}), 1, width)
        return _Facts(frozenset({text.lower().encode()}), 1, 1)
    if not utf8:
        if node.code > 255:
            return _Facts(frozenset(), 1, 1)
        return _Facts(frozenset({bytes((node.code,))}), 1, 1)
    if node.fold:
        return _Facts(None, 1, 4)
    data = text.encode()
    return _Facts(frozenset({data}), len(data), len(data))


def _class(node: Class, utf8: bool) -> _Facts:
    unknown = _Facts(None, 1, 4 if utf8 else 1)
    if node.negated or node.names:
        is_ascii = not utf8 or (not node.negated and set(node.names) <= {"d", "s", "w"})
        return _Facts(None, 1, 1 if is_ascii and all(h < 128 for _, h in node.ranges) else 4)
    if sum(high - low + 1 for low, high in node.ranges) > 6:
        top = max((high for _, high in node.ranges), default=0)
        width = 1 if not utf8 or (top < 128 and not node.fold) else 4
        return _Facts(None, 1, width)
    options = [
        _char(Char(code, node.fold), utf8)
        for low, high in node.ranges
        for code in range(low, high + 1)
    ]
    return _choice(options) if options else unknown


def _sequence(items: list[_Facts]) -> _Facts:
    exact: frozenset[bytes] | None = frozenset({b""})
    run: frozenset[bytes] = frozenset({b""})  # strings of the items since `run_before`
    run_before: int | None = 0
    best: frozenset[bytes] = frozenset()
    before: int | None = 0
    low = 0
    top: int | None = 0

    def keep(words: frozenset[bytes], at: int | None) -> None:
        nonlocal best, before
        if words and b"" not in words and _worth(words) > _worth(best):
            best, before = words, at

    for item in items:
        if item.exact is None:
            exact = None
            keep(run, run_before)
            keep(item.best, _plus(top, item.before))
            run = frozenset({b""})
        else:
            if exact is not None:
                exact = _product(exact, item.exact)
            joined = _product(run, item.exact)
            if joined is None or (joined and max(map(len, joined)) > MAX_WORD):
                keep(run, run_before)
                keep(item.best, _plus(top, item.before))
                run, run_before = item.exact, top
            else:
                run = joined
        low += item.low
        top = _plus(top, item.high)
        if item.exact is None:
            run_before = top
    keep(run, run_before)
    return _Facts(exact, low, top, best, before)


def _product(left: frozenset[bytes], right: frozenset[bytes]) -> frozenset[bytes] | None:
    if len(left) * len(right) > MAX_SET:
        return None
    if left and right and max(map(len, left)) + max(map(len, right)) > 4 * MAX_WORD:
        return None
    return frozenset(first + second for first in left for second in right)


def _plus(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def _choice(options: list[_Facts]) -> _Facts:
    low = min((option.low for option in options), default=0)
    highs = [option.high for option in options]
    high = None if None in highs else max((h for h in highs if h is not None), default=0)
    if all(option.exact is not None for option in options):
        exact = frozenset(word for option in options for word in option.exact or ())
        if len(exact) <= MAX_SET:
            return _Facts(exact, low, high)
    words: set[bytes] = set()
    before: int | None = 0
    for option in options:
        best, at = _best(option)
        if not best or len(words) > MAX_SET:
            return _Facts(None, low, high)
        words |= best
        before = None if before is None or at is None else max(before, at)
    if len(words) > MAX_SET:
        return _Facts(None, low, high)
    return _Facts(None, low, high, frozenset(words), before)


def _repeat(item: _Facts, low: int, high: int | None) -> _Facts:
    least = item.low * low
    most = None if high is None or item.high is None else item.high * high
    if item.high == 0:
        most = 0
    if low == high == 1:
        return item
    if item.exact is not None and high is not None and high <= 4:
        steps = [frozenset({b""})]
        for _ in range(high):
            step = _product(steps[-1], item.exact)
            if step is None:
                break
            steps.append(step)
        else:
            exact = frozenset(word for step in steps[low:] for word in step)
            if len(exact) <= MAX_SET:
                return _Facts(exact, least, most)
    if low == 0:
        return _Facts(None, least, most)
    words, before = _best(item)
    return _Facts(None, least, most, words, before)

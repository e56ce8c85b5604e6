"""literal - words without which a pattern cannot match, and how wide a match can be.

Owns:   Needed, needed.
One pass over the tree. A rule's pattern is looked at only where one of its words stands, so that a
thousand rules cost little more than the few whose words occur.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import log10

from filterd.ruleset.tree import (
    AnyChar,
    Assertion,
    At,
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
MAX_HELD = 3  # sets of words of which each must have one in the text
SHORTEST = 3  # bytes; shorter words stand everywhere
# Three letters on end as they stand in 15,000 public mails of all kinds: the 50 most frequent (1.6 to 10
# in each thousand characters), the next 100 (1.0), the next 250 (0.5); the rest is rarer.
_FREQUENT = (
    " >  a  an be co fo in is ma of on re se th to wi yo---===> >___andat come ae ted enter es "
    "forhathe in ingionis nd ng of on or re s athathethitioto you"
)
_COMMON = (
    " -- >> al ar bu ca de di do fi fr ha i  it li me mo no pa pr so st us we wh.co>> ageailal "
    "allan areas ateatibe ce cond te ce fe ie oe pe sen ereersessestet hanherhisintistit ithive"
    "le linlisll ly maime n tnotnt nteom oneonsou ourprorearess is ts, s. se serst stat at it t"
    "te terth tinur useut ve verwit"
)
_USUAL = (
    " -  20 ac ad as at by ch cl da en ex fa ge he ho ht if le lo mi ne or ou pe po sa sh si sp"
    " su te tr un wa wo wr's 't , a, i, t-- . >. i. t.../li000: >://> i> t>>>ablackactaddainake"
    "ameangantanyardartaseassaveay blebutcalcancesch chacheck ct ctid ad bd id od sd, datde der"
    "deve be de ee he le me ne re we, e. e: eadeareasecteedendernevef tfilfrog tge gethavhenhin"
    "houhtticaiceideif ighignil ileillimeincindineinfinsinuiteke ld lealeslicllylocmanmenmonmor"
    "mpln an in on'tnalncendene netnfons nuxo tockodeomeomponfontoreorkormortot oteoulounoutove"
    "ow p:/pagperpleporprer ar sr tranratrecredreerenrivromrotrours ry s cs fs ms os ss wsensig"
    "sinso spess ssistestistrt ct ft mt ot st wt, t. tatte:tedtemtestictimtortp:tratruts ttptur"
    "uctuldundureustwe wilwory ay t"
)
_SCARCITY = {
    group[at : at + 3].encode(): scarcity
    for group, scarcity in ((_FREQUENT, 2.6), (_COMMON, 3.0), (_USUAL, 3.25))
    for at in range(0, len(group), 3)
}
_RARE = 3.7
_LONGER = 0.3  # each further letter makes a word half as frequent
LEAST_WORTH = 2.9  # words more frequent than one in 800 characters filter nothing
LEAST_ALSO = 3.9  # a second word must be rarer than one in 8,000, or its look-up costs more than it saves

BOUNDARY = b"\x00"
_SPACES = frozenset({9, 10, 11, 12, 13, 32})


class Run(Enum):
    r"""Characters of one kind on end. `\s+` has no greatest width, but hardly a text has so many.

    The value is the most that is reckoned with; a text that has more is looked at as a whole.
    """

    SPACE = 32
    SOLID = 160
    LINE = 800


@dataclass(frozen=True, slots=True)
class Needed:
    r"""What a match must hold.

    `words`: lower-case bytes, one of which stands in every match (empty: nothing is known); `also`:
    further sets, of each of which one word must stand. In a word a space stands for white space of
    any length and BOUNDARY for the edge of a word (`\b`). `before`: at most so many bytes of the match
    precede the word of `words`; `width`: bytes of the longest match; None is unbounded. Both hold
    for texts without the long `runs` named here.
    """

    words: frozenset[bytes] = frozenset()
    also: tuple[frozenset[bytes], ...] = ()
    before: int | None = None
    width: int | None = None
    runs: frozenset[Run] = frozenset()


@lru_cache(maxsize=4096)
def _worth(words: frozenset[bytes]) -> float:
    """How rarely one of the words stands in a text: minus the logarithm of the chance at a place."""
    return -log10(sum(10 ** -_scarcity(word) for word in words)) if words else 0.0


@lru_cache(maxsize=4096)
def _scarcity(word: bytes) -> float:
    bare = word.replace(BOUNDARY, b"")
    if len(bare) < SHORTEST:
        return 0.0
    rarest = max(_SCARCITY.get(bare[at : at + 3], _RARE) for at in range(len(bare) - 2))
    return rarest + _LONGER * min(len(bare) - 3, 9) + 0.1 * (len(word) - len(bare))


def forget_worths() -> None:
    """Free what was worked out about words, 2 MB; once all patterns are read nobody asks again."""
    _worth.cache_clear()
    _scarcity.cache_clear()


_Held = tuple[frozenset[bytes], int | None]  # words, bytes before them at most


@dataclass(frozen=True, slots=True)
class _Facts:
    """Of one node: its strings if it has few, its widths, and the best words held inside."""

    exact: frozenset[bytes] | None  # None: too many or unbounded
    low: int
    high: int | None
    held: tuple[_Held, ...] = ()  # best first, at most MAX_HELD
    runs: frozenset[Run] = frozenset()

    @property
    def all_held(self) -> tuple[_Held, ...]:
        """What is held inside, and the node's own strings."""
        if not self.exact or b"" in self.exact:
            return self.held
        return _best((*self.held, (self.exact, 0)))


_NOTHING = frozenset({b""})
_EMPTY = _Facts(_NOTHING, 0, 0)
_EDGE = _Facts(frozenset({BOUNDARY}), 0, 0)
_SPACE = frozenset({b" "})


def needed(node: Node, *, utf8: bool = True) -> Needed:
    """The words and widths of a pattern; `utf8` False reads its characters as bytes."""
    facts = _facts(node, utf8)
    held = [
        (frozenset(word[:MAX_WORD] for word in words), before)
        for words, before in facts.all_held
        if _worth(words) >= LEAST_WORTH
    ]
    if not held:
        return Needed()
    words, before = held[0]
    also = tuple(other for other, _ in held[1:] if _worth(other) >= LEAST_ALSO)
    runs = facts.runs
    if any(word.lstrip(BOUNDARY).startswith(b" ") for word in words):
        runs |= {Run.SPACE}  # the word may begin as much later as the white space is long
    return Needed(words, also, before, facts.high, runs)


def _best(held: Iterable[_Held]) -> tuple[_Held, ...]:
    """The few that filter most; where words are worth the same, the earlier in the pattern."""
    distinct = {words: (words, before) for words, before in held if words and b"" not in words}
    ranked = sorted(distinct.values(), key=lambda item: -_worth(item[0]))
    return tuple(ranked[:MAX_HELD])


def _facts(node: Node, utf8: bool) -> _Facts:
    match node:
        case Char():
            return _char(node, utf8)
        case Class():
            return _class(node, utf8)
        case AnyChar():
            return _Facts(None, 1, 4 if utf8 else 1)
        case Assertion(at=at):
            return _EDGE if at is At.WORD else _EMPTY
        case Sequence(items=items):
            return _sequence(_letters(items, utf8))
        case Choice(options=options):
            return _choice([_facts(option, utf8) for option in options])
        case Repeat(item=inner, low=low, high=high):
            return _repeat(_facts(inner, utf8), low, high, _run(inner))
        case Beyond(inside=inside, consumes=consumes):
            if not consumes:
                return _EMPTY
            if inside is None:
                return _Facts(None, 0, None)
            return _facts(inside, utf8)


@lru_cache(maxsize=1024)
def _char(node: Char, utf8: bool) -> _Facts:
    text = chr(node.code)
    if node.code in _SPACES:
        return _Facts(_SPACE, 1, 1)
    if node.code == 0:
        return _Facts(None, 1, 1)
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


@lru_cache(maxsize=1024)
def _class(node: Class, utf8: bool) -> _Facts:
    unknown = _Facts(None, 1, 4 if utf8 else 1)
    if node.names == ("s",) and not node.negated and not node.ranges:
        return _Facts(_SPACE, 1, 1)
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
    run: frozenset[bytes] = _NOTHING  # strings of the items since `run_before`
    run_before: int | None = 0
    is_exact = True  # the run is all there has been
    held: list[_Held] = []
    low = 0
    top: int | None = 0
    for item in items:
        joined = None if item.exact is None else _product(run, item.exact)
        if joined is None:
            held.append((run, run_before))
            held += [(words, _plus(top, before)) for words, before in item.held]
            run, run_before = (item.exact or _NOTHING), top
            is_exact = False
        else:
            run = joined
        low += item.low
        top = _plus(top, item.high)
        if item.exact is None:
            run_before = top
    held.append((run, run_before))
    runs = frozenset(run for item in items for run in item.runs)
    return _Facts(run if is_exact else None, low, top, _best(held), runs)


def _letters(nodes: Sequence_[Node], utf8: bool) -> list[_Facts]:
    """The facts of nodes in a row, plain letters on end taken together."""
    found: list[_Facts] = []
    letters: list[_Facts] = []
    for node in nodes:
        if isinstance(node, Char) and 32 < node.code < 128 and len(letters) < MAX_WORD:
            letters.append(_char(node, utf8))
            continue
        if letters:
            found.append(_joined(letters))
            letters = []
        found.append(_facts(node, utf8))
    if letters:
        found.append(_joined(letters))
    return found


def _joined(letters: list[_Facts]) -> _Facts:
    if len(letters) == 1:
        return letters[0]
    word = b"".join(part for facts in letters for part in facts.exact or ())
    return _Facts(frozenset({word}), len(letters), sum(facts.high or 0 for facts in letters))


def _product(left: frozenset[bytes], right: frozenset[bytes]) -> frozenset[bytes] | None:
    """Each string of the one before each of the other; None where there are too many or too long."""
    if left is _NOTHING:
        return right
    if len(left) * len(right) > MAX_SET:
        return None
    if left and right and max(map(len, left)) + max(map(len, right)) > MAX_WORD:
        return None
    return frozenset(
        (first + second).replace(b"  ", b" ") for first in left for second in right
    )


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
    runs = frozenset(run for option in options for run in option.runs)
    words: set[bytes] = set()
    before: int | None = 0
    for option in options:
        held = option.all_held
        if not held:
            return _Facts(None, low, high, (), runs)
        words |= held[0][0]
        if len(words) > MAX_SET:
            return _Facts(None, low, high, (), runs)
        at = held[0][1]
        before = None if before is None or at is None else max(before, at)
    return _Facts(None, low, high, ((frozenset(words), before),), runs)


def _run(node: Node) -> Run | None:
    """Of what kind all characters are that the node can be; None where they can be of any."""
    if isinstance(node, AnyChar):
        return None if node.newline else Run.LINE
    if isinstance(node, Char):
        return Run.SPACE if node.code in _SPACES else Run.SOLID
    if not isinstance(node, Class):
        return None
    spans = [code for low, high in node.ranges for code in _SPACES if low <= code <= high]
    names = set(node.names)
    if node.negated:
        if "s" in names:
            return Run.SOLID
        return Run.LINE if 10 in spans or "v" in names else None
    if names <= {"s"} and all(low in _SPACES and high - low < 5 for low, high in node.ranges):
        return Run.SPACE
    if names <= {"d", "w", "S", ":alpha:", ":alnum:", ":digit:"} and not spans:
        return Run.SOLID
    return Run.LINE if names <= {"d", "w", "S", "h"} and 10 not in spans else None


def _repeat(item: _Facts, low: int, high: int | None, run: Run | None) -> _Facts:
    least = item.low * low
    most = None if high is None or item.high is None else item.high * high
    runs = item.runs
    if item.high == 0:
        most = 0
    elif high is None and run is not None and low <= run.value:
        most = run.value
        runs |= {run}
    if low == high == 1:
        return item
    if item.exact == _SPACE and high != 0:
        return _Facts(_SPACE if low else _SPACE | {b""}, least, most, (), runs)
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
                return _Facts(exact, least, most, (), runs)
    if low == 0:
        return _Facts(None, least, most, (), runs)
    return _Facts(None, least, most, item.all_held, runs)

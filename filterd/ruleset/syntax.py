"""syntax - a regular expression in Perl's notation, read into a tree.

Owns:   parse, the nodes, PatternError (with a column), what of Perl there is no linear way to run.
Not here: RE2 text (emit), required words and widths (literal).
One reader serves our own rules and SpamAssassin's: perlre(1), perlrecharclass(1), perlbackslash(1).
Rules of this file: any text gives a tree or a PatternError; nesting, length and count are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

MAX_DEPTH = 60  # nested groups; SpamAssassin's deepest shipped rule has 9
MAX_PATTERN = 16_384  # characters; a longer one is a list and belongs in a file
MAX_BRANCHES = 64  # alternatives that are looked for apart
MAX_REPEAT = 1_000  # RE2's own ceiling for {n,m}


class PatternError(ValueError):
    """A pattern that cannot be used: why, and at which character (from 1)."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Char:
    """One character (or byte); `fold` ignores case."""

    code: int
    fold: bool


@dataclass(frozen=True, slots=True)
class Class:
    """A character class: ranges of code points and names such as "d", "S", "pL", ":alpha:"."""

    ranges: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    negated: bool
    fold: bool


@dataclass(frozen=True, slots=True)
class AnyChar:
    """A dot; `newline` when it takes line ends too."""

    newline: bool


class At(Enum):
    """Zero-width places."""

    START = r"\A"
    END = r"\z"
    LAST = "$"  # the end, or before a final line end
    LINE_START = "^"
    LINE_END = "$ of a line"
    WORD = r"\b"
    NOT_WORD = r"\B"


@dataclass(frozen=True, slots=True)
class Assertion:
    """A zero-width place."""

    at: At


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of them."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`low` to `high` times; None is without end."""

    item: Node
    low: int
    high: int | None
    lazy: bool


@dataclass(frozen=True, slots=True)
class Beyond:
    """What only a backtracking engine can do; `inside` is what it holds, where that is known.

    `consumes` is False for look-around, which takes no text.
    """

    what: str  # "look-ahead", "look-behind", "back-reference", "possessive", "atomic", "recursion", ...
    column: int
    inside: Node | None = None
    consumes: bool = True


Node = Char | Class | AnyChar | Assertion | Sequence | Choice | Repeat | Beyond
EMPTY = Sequence(())

HINTS = {
    "look-ahead": "write what must follow as a second pattern, or use `unless`",
    "look-behind": "write what must stand before as part of the pattern, or use `unless`",
    "back-reference": "write the repeated text out, or count it with `count`",
    "possessive": "write the plain quantifier: there is no backtracking to prevent",
    "atomic": "write (?:...): there is no backtracking to prevent",
    "recursion": "a pattern cannot contain itself",
    "conditional": "write both cases as alternatives",
    "verb": "leave the (*VERB) out",
}

_NAMED = frozenset("dDwWsShHvV")
_CONTROL = {"t": 9, "n": 10, "r": 13, "f": 12, "a": 7, "e": 27}
_POSIX = frozenset(
    [
        "alnum",
        "alpha",
        "ascii",
        "blank",
        "cntrl",
        "digit",
        "graph",
        "lower",
        "print",
        "punct",
        "space",
        "upper",
        "word",
        "xdigit",
    ]
)
_LOOKS = (
    ("=", "look-ahead"),
    ("!", "look-ahead"),
    ("<=", "look-behind"),
    ("<!", "look-behind"),
    (">", "atomic"),
)
_ZERO_WIDTH = {
    "A": At.START,
    "z": At.END,
    "Z": At.LAST,
    "b": At.WORD,
    "B": At.NOT_WORD,
    "G": At.START,
}

_SIMPLE: dict[str, Node] = {
    **{letter: Assertion(at) for letter, at in _ZERO_WIDTH.items()},
    **{letter: Class((), (letter,), False, False) for letter in _NAMED},
    "K": EMPTY,  # only moves the start of the match
}


@dataclass(slots=True)
class _Flags:
    fold: bool = False
    dotall: bool = False
    multiline: bool = False
    extended: bool = False

    def copy(self) -> _Flags:
        return _Flags(self.fold, self.dotall, self.multiline, self.extended)


def parse(
    text: str, flags: str = "", *, max_repeat: int = MAX_REPEAT, max_length: int = MAX_PATTERN
) -> Node:
    """The tree of a pattern; `flags` are Perl's letters (i, m, s, x; others change nothing here)."""
    if len(text) > max_length:
        raise PatternError(
            f"a pattern of {len(text):,} characters; the limit is {max_length:,}"
        )
    start = _Flags("i" in flags, "s" in flags, "m" in flags, "x" in flags)
    reader = _Reader(text, max_repeat)
    tree = reader.choice(start, 0)
    if reader.at < len(text):
        raise PatternError("a ) without its (", reader.at + 1)
    return tree


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, text: str, max_repeat: int) -> None:
        self.text = text
        self.max_repeat = max_repeat
        self.at = 0
        self.quoting = False  # between \Q and \E

    def fail(self, message: str, at: int | None = None) -> PatternError:
        return PatternError(message, (self.at if at is None else at) + 1)

    # -- structure --------------------------------------------------------------------------

    def choice(self, flags: _Flags, depth: int) -> Node:
        """Alternatives up to the end or an unopened `)`. Inline flags change `flags` in place."""
        if depth > MAX_DEPTH:
            raise self.fail(f"groups nested deeper than {MAX_DEPTH}")
        options = [self.sequence(flags, depth)]
        while self.at < len(self.text) and self.text[self.at] == "|":
            self.at += 1
            options.append(self.sequence(flags, depth))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self, flags: _Flags, depth: int) -> Node:
        items: list[Node] = []
        text = self.text
        while self.at < len(text):
            here = text[self.at]
            if self.quoting:
                if text.startswith("\\E", self.at):
                    self.quoting = False
                    self.at += 2
                    continue
                self.at += 1
                items.append(self.quantified(Char(ord(here), flags.fold), flags))
                continue
            if here in "|)":
                break
            if flags.extended and self._skipped_space():
                continue
            plain = None if flags.extended else _PLAIN.match(text, self.at)
            if plain is not None:
                items += [_plain(letter, flags.fold) for letter in plain.group()]
                self.at = plain.end()
                continue
            started = self.at
            item = self.atom(flags, depth)
            if item is None:
                continue
            items.append(self.quantified(item, flags, started))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _skipped_space(self) -> bool:
        """Pass over white space or a comment of /x."""
        here = self.text[self.at]
        if here in " \t\r\n\f\v":
            self.at += 1
            return True
        if here == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end + 1
            return True
        return False

    def quantified(self, item: Node, flags: _Flags, started: int | None = None) -> Node:
        """The item with the quantifier that follows it, if any."""
        while flags.extended and self.at < len(self.text) and self._skipped_space():
            pass
        column = self.at + 1
        bounds = self._bounds()
        if bounds is None:
            return item
        low, high = bounds
        following = self.text[self.at : self.at + 1]
        lazy = following == "?"
        if following in {"?", "+"} and following:
            self.at += 1
        if self._bounds() is not None:
            raise self.fail("a quantifier after a quantifier", column - 1)
        if isinstance(item, Assertion):
            # Perl accepts \b* and the like; it means nothing.
            return item if low else EMPTY
        repeat = Repeat(item, low, high, lazy)
        if following == "+":
            return Beyond("possessive", column, repeat)
        return repeat

    def _bounds(self) -> tuple[int, int | None] | None:
        here = self.text[self.at : self.at + 1]
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if here in simple:
            self.at += 1
            return simple[here]
        if here != "{":
            return None
        end = self.text.find("}", self.at, self.at + 16)
        if end < 0:
            return None
        low, comma, high = self.text[self.at + 1 : end].partition(",")
        low, high = low.strip(), high.strip()
        if not (low.isdecimal() or (not low and comma and high)) or (
            high and not high.isdecimal()
        ):
            return None  # a literal brace
        column = self.at
        self.at = end + 1
        least = int(low or 0)
        most = (int(high) if high else None) if comma else least
        if least > self.max_repeat or (most is not None and most > self.max_repeat):
            raise self.fail(f"a repetition above {self.max_repeat}", column)
        if most is not None and most < least:
            raise self.fail(f"{{{low},{high}}} counts downwards", column)
        return least, most

    # -- atoms ------------------------------------------------------------------------------

    def atom(self, flags: _Flags, depth: int) -> Node | None:
        """The next atom; None for what stands for nothing (a comment, inline flags)."""
        text = self.text
        here = text[self.at]
        if here == "(":
            return self.group(flags, depth)
        if here == "[":
            return self.char_class(flags)
        if here == "\\":
            return self.escape(flags)
        if here in "*+?":
            raise self.fail(f"nothing stands before {here}")
        if here == "." or here in "^$":
            self.at += 1
            if here == ".":
                return AnyChar(flags.dotall)
            if here == "^":
                return Assertion(At.LINE_START if flags.multiline else At.START)
            return Assertion(At.LINE_END if flags.multiline else At.LAST)
        self.at += 1
        return Char(ord(here), flags.fold)

    def group(self, flags: _Flags, depth: int) -> Node | None:
        text, opened = self.text, self.at
        self.at += 1
        if text.startswith("(*", opened):
            end = text.find(")", opened)
            if end > 0 and text[opened + 2 : end].replace("_", "").isupper():
                self.at = end + 1
                return Beyond("verb", opened + 1, None, consumes=False)
        if not text.startswith("?", self.at):
            return self._close(self.choice(flags.copy(), depth + 1), opened)
        self.at += 1
        if text.startswith("#", self.at):
            end = text.find(")", self.at)
            if end < 0:
                raise self.fail("a comment without its end", opened)
            self.at = end + 1
            return None
        looking = self._look(flags, opened, depth)
        if looking is not None:
            return looking
        named = self._named(flags, opened, depth)
        if named is not None:
            return named
        if text.startswith("|", self.at):
            self.at += 1
            return self._close(self.choice(flags.copy(), depth + 1), opened)
        if text.startswith("(", self.at):
            return self._beyond_group("conditional", opened, depth, flags)
        calling = self._call(opened)
        if calling is not None:
            return calling
        if text[self.at : self.at + 1] in {"{", "?"}:
            raise self.fail("a pattern cannot contain code", opened)
        return self._inline_flags(flags, opened, depth)

    def _named(self, flags: _Flags, opened: int, depth: int) -> Node | None:
        """(?<name>...) in its three spellings; the name changes nothing."""
        for mark, closing in (("<", ">"), ("P<", ">"), ("'", "'")):
            if self.text.startswith(mark, self.at):
                end = self.text.find(closing, self.at + len(mark))
                name = self.text[self.at + len(mark) : end] if end > 0 else ""
                if not name.isidentifier():
                    raise self.fail("a group's name is letters, digits and _", opened)
                self.at = end + 1
                return self._close(self.choice(flags.copy(), depth + 1), opened)
        return None

    def _look(self, flags: _Flags, opened: int, depth: int) -> Node | None:
        """Look-around and atomic groups."""
        for mark, what in _LOOKS:
            if self.text.startswith(mark, self.at):
                self.at += len(mark)
                inside = self._close(self.choice(flags.copy(), depth + 1), opened)
                is_atomic = what == "atomic"
                is_needed = is_atomic or "=" in mark
                return Beyond(what, opened + 1, inside if is_needed else None, is_atomic)
        return None

    def _call(self, opened: int) -> Node | None:
        """(?R), (?1), (?&name), (?P>name), (?P=name): the pattern inside itself, or what matched."""
        end = self.text.find(")", self.at)
        body = self.text[self.at : end] if end > 0 else ""
        is_number = body.lstrip("+-").isdecimal()
        if not is_number and body != "R" and body[:1] != "&" and body[:2] not in {"P>", "P="}:
            return None
        self.at = end + 1
        what = "back-reference" if body[:2] == "P=" else "recursion"
        return Beyond(what, opened + 1)

    def _beyond_group(self, what: str, opened: int, depth: int, flags: _Flags) -> Node:
        """(?(condition)yes|no): what it contains is read, to find its end, and forgotten."""
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != ")":
            self.at += 1
        self.at += 1
        self._close(self.choice(flags.copy(), depth + 1), opened)
        return Beyond(what, opened + 1)

    def _inline_flags(self, flags: _Flags, opened: int, depth: int) -> Node | None:
        fresh = flags.copy()
        value = True
        while self.at < len(self.text):
            here = self.text[self.at]
            self.at += 1
            if here == "^":
                fresh = _Flags()
            elif here == "-":
                value = False
            elif here == "i":
                fresh.fold = value
            elif here == "s":
                fresh.dotall = value
            elif here == "m":
                fresh.multiline = value
            elif here == "x":
                fresh.extended = value
            elif here in "adlunpU":
                continue
            elif here == ")":
                flags.fold, flags.dotall = fresh.fold, fresh.dotall
                flags.multiline, flags.extended = fresh.multiline, fresh.extended
                return None
            elif here == ":":
                return self._close(self.choice(fresh, depth + 1), opened)
            else:
                raise self.fail(f"(?{here} is not known", opened)
        raise self.fail("a ( without its )", opened)

    def _close(self, inside: Node, opened: int) -> Node:
        if not self.text.startswith(")", self.at):
            raise self.fail("a ( without its )", opened)
        self.at += 1
        # A group of its own, so that a quantifier after it means all of it.
        return inside if not isinstance(inside, Sequence) else Sequence((inside,))

    # -- escapes and classes ----------------------------------------------------------------

    def escape(self, flags: _Flags) -> Node | None:
        text, started = self.text, self.at
        letter = text[self.at + 1 : self.at + 2]
        self.at += 2
        if not letter:
            raise self.fail("a backslash at the end", started)
        simple = _SIMPLE.get(letter)
        if simple is not None:
            return simple
        if letter in "QE":
            self.quoting = letter == "Q"
            return None
        if letter in "123456789" and not self._is_octal(letter):
            while text[self.at : self.at + 1].isdecimal():
                self.at += 1
            return Beyond("back-reference", started + 1)
        match letter:
            case "N" if not text.startswith("{", self.at):
                return AnyChar(False)
            case "R":
                pair = Sequence((Char(13, False), Char(10, False)))
                return Choice((pair, Class((), ("v",), False, False)))
            case "X":
                return Beyond("grapheme", started + 1)
            case "p" | "P":
                return Class((), (self._property(letter, started),), False, flags.fold)
            case "g" | "k":
                return self._reference(started)
        return Char(self._code(letter, started), flags.fold)

    def _is_octal(self, letter: str) -> bool:
        digits = letter + self.text[self.at : self.at + 2]
        return len(digits) == 3 and all(digit in "01234567" for digit in digits)

    def _reference(self, started: int) -> Node:
        closing = {"{": "}", "<": ">", "'": "'"}.get(self.text[self.at : self.at + 1])
        if closing is not None:
            end = self.text.find(closing, self.at + 1)
            if end < 0:
                raise self.fail("a reference without its end", started)
            self.at = end + 1
        else:
            while self.text[self.at : self.at + 1] in set("-0123456789"):
                self.at += 1
        return Beyond("back-reference", started + 1)

    def _property(self, letter: str, started: int) -> str:
        if self.text.startswith("{", self.at):
            end = self.text.find("}", self.at)
            name = self.text[self.at + 1 : end] if end > 0 else ""
            self.at = end + 1
        else:
            name = self.text[self.at : self.at + 1]
            self.at += 1
        negated = name.startswith("^")
        name = name.lstrip("^").removeprefix("Is").removeprefix("Script=")
        if not name or not name.replace("_", "").isalpha() or not name.isascii():
            raise self.fail("\\p needs a property such as \\pL or \\p{Cyrillic}", started)
        return ("P" if (letter == "P") != negated else "p") + name

    def _code(self, letter: str, started: int) -> int:
        """The code point of an escape that means one character; `at` stands behind the letter."""
        text = self.text
        if letter in _CONTROL:
            return _CONTROL[letter]
        if letter == "x":
            if text.startswith("{", self.at):
                end = text.find("}", self.at, self.at + 12)
                digits = text[self.at + 1 : end].strip() if end > 0 else "?"
                self.at = end + 1
            else:
                digits = ""
                while len(digits) < 2 and text[self.at : self.at + 1] in set(
                    "0123456789abcdefABCDEF"
                ):
                    digits += text[self.at]
                    self.at += 1
            return self._number(digits or "0", 16, started)
        if letter == "o" and text.startswith("{", self.at):
            end = text.find("}", self.at, self.at + 12)
            digits = text[self.at + 1 : end] if end > 0 else "?"
            self.at = end + 1
            return self._number(digits, 8, started)
        if letter in "01234567":
            digits = letter
            while len(digits) < 3 and text[self.at : self.at + 1] in set("01234567"):
                digits += text[self.at]
                self.at += 1
            return self._number(digits, 8, started)
        if letter == "c":
            self.at += 1
            return ord(text[self.at - 1 : self.at].upper() or "@") & 0x1F
        if letter.isalnum() and letter.isascii() and letter != "_":
            raise self.fail(f"\\{letter} has no meaning", started)
        return ord(letter)

    def _number(self, digits: str, base: int, started: int) -> int:
        try:
            code = int(digits, base)
        except ValueError:
            raise self.fail("a character code that is no number", started) from None
        if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self.fail("there is no such character", started)
        return code

    def char_class(self, flags: _Flags) -> Node:
        # Tags of SpamAssassin's replace_tag make patterns that have one class 10,000 times.
        whole = _WHOLE_CLASS.match(self.text, self.at)
        known = _class_of(whole.group(), flags.fold) if whole is not None else None
        if whole is not None and known is not None:
            self.at = whole.end()
            return known
        return self.fresh_class(flags.fold)

    def fresh_class(self, fold: bool) -> Class:
        text, opened = self.text, self.at
        self.at += 1
        negated = text.startswith("^", self.at)
        self.at += negated
        ranges: list[tuple[int, int]] = []
        names: list[str] = []
        first = True
        while True:
            if self.at >= len(text):
                raise self.fail("a [ without its ]", opened)
            if text[self.at] == "]" and not first:
                self.at += 1
                break
            first = False
            low = self._class_item(names)
            if low is None:
                continue
            if text.startswith("-", self.at) and text[self.at + 1 : self.at + 2] not in {
                "]",
                "",
            }:
                dash = self.at
                self.at += 1
                high = self._class_item(names)
                if high is None:  # [a-\d]: the dash is meant
                    ranges += [(low, low), (45, 45)]
                    continue
                if high < low:
                    raise self.fail("a range that runs downwards", dash)
                ranges.append((low, high))
            else:
                ranges.append((low, low))
        return Class(tuple(ranges), tuple(names), negated, fold)

    def _class_item(self, names: list[str]) -> int | None:
        """The next code point of a class; None when a name was added to `names` instead."""
        text, started = self.text, self.at
        here = text[self.at]
        if here == "[" and text.startswith("[:", self.at):
            end = text.find(":]", self.at + 2)
            name = text[self.at + 2 : end].lstrip("^") if end > 0 else ""
            if name in _POSIX:
                names.append(text[self.at + 1 : end + 1])
                self.at = end + 2
                return None
        if here != "\\":
            self.at += 1
            return ord(here)
        letter = text[self.at + 1 : self.at + 2]
        self.at += 2
        if not letter:
            raise self.fail("a [ without its ]", started)
        if letter in _NAMED:
            names.append(letter)
            return None
        if letter in "pP":
            names.append(self._property(letter, started))
            return None
        if letter in "EQ":
            return None
        if letter == "b":
            return 8
        if letter in {"N", "R"}:
            raise self.fail(f"\\{letter} inside a class", started)
        return self._code(letter, started)


# Letters that mean themselves, and of which none has a quantifier.
_PLAIN = re.compile(r"[A-Za-z0-9_,;:'\"@%&~=<>/!-]+(?![*+?{])")
_WHOLE_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*+\]")


@lru_cache(maxsize=1024)
def _class_of(text: str, fold: bool) -> Class | None:
    """The class of which this is the whole text; None where it is not, or is wrong."""
    reader = _Reader(text, MAX_REPEAT)
    try:
        found = reader.fresh_class(fold)
    except PatternError:
        return None
    return found if reader.at == len(text) else None


@lru_cache(maxsize=512)
def _plain(letter: str, fold: bool) -> Char:
    return Char(ord(letter), fold)


def beyond(node: Node) -> list[Beyond]:
    """Everything in the tree that RE2 cannot run, in reading order."""
    found: list[Beyond] = []
    stack = [node]
    while stack:
        item = stack.pop()
        match item:
            case Beyond():
                found.append(item)
                if item.inside is not None:
                    stack.append(item.inside)
            case Sequence(items=items):
                stack.extend(items)
            case Choice(options=options):
                stack.extend(options)
            case Repeat(item=inner):
                stack.append(inner)
            case _:
                pass
    return sorted(found, key=lambda item: item.column)


def branches(node: Node) -> list[Node]:
    """The alternatives of a tree, each a tree of its own, or the tree alone.

    Taken apart are choices at the top, and those beside which only zero-width places stand.
    """
    found: list[Node] = []
    left = [node]
    while left:
        item = left.pop()
        options = _options(item)
        if options and len(found) + len(left) + len(options) <= MAX_BRANCHES:
            left += reversed(options)
        else:
            found.append(item)
    return found


def _options(node: Node) -> list[Node]:
    if isinstance(node, Choice):
        return list(node.options)
    if not isinstance(node, Sequence):
        return []
    choices = [n for n, item in enumerate(node.items) if not isinstance(item, Assertion)]
    if len(choices) != 1:
        return []
    at = choices[0]
    return [
        Sequence((*node.items[:at], option, *node.items[at + 1 :]))
        for option in _options(node.items[at])
    ]

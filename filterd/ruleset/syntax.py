"""syntax - a regular expression in Perl's notation, read into a tree.

Owns:   parse: groups, alternatives, quantifiers, flags.
Not here: the nodes (tree), escapes and classes (escape), RE2 text (emit), required words and widths (literal).
One reader serves our own rules and SpamAssassin's: perlre(1), perlrecharclass(1), perlbackslash(1).
Rules of this file: any text gives a tree or a PatternError; nesting, length and count are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from filterd.ruleset.escape import Escapes
from filterd.ruleset.tree import (
    EMPTY,
    AnyChar,
    Assertion,
    At,
    Beyond,
    Char,
    Choice,
    Node,
    PatternError,
    Repeat,
    Sequence,
)

MAX_DEPTH = 60  # nested groups; SpamAssassin's deepest shipped rule has 9
MAX_PATTERN = 16_384  # characters; a longer one is a list and belongs in a file
MAX_REPEAT = 1_000  # RE2's own ceiling for {n,m}

_LOOKS = (
    ("=", "look-ahead"),
    ("!", "look-ahead"),
    ("<=", "look-behind"),
    ("<!", "look-behind"),
    (">", "atomic"),
)

# Letters that mean themselves, and of which none has a quantifier.
_PLAIN = re.compile(r"[A-Za-z0-9_,;:'\"@%&~=<>/!-]+(?![*+?{])")


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


class _Reader(Escapes):
    """Reads one pattern from left to right."""

    def __init__(self, text: str, max_repeat: int) -> None:
        super().__init__(text)
        self.max_repeat = max_repeat

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
            return self.char_class(flags.fold)
        if here == "\\":
            return self.escape(flags.fold)
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


@lru_cache(maxsize=512)
def _plain(letter: str, fold: bool) -> Char:
    return Char(ord(letter), fold)

"""escape - what a backslash or a [ begins in a pattern in Perl's notation.

Owns:   Escapes: the position in a pattern, its escapes and character classes.
Not here: groups, alternatives, quantifiers (syntax).
perlrebackslash(1), perlrecharclass(1).
"""

from __future__ import annotations

import re
from functools import lru_cache

from filterd.ruleset.tree import (
    EMPTY,
    AnyChar,
    Assertion,
    At,
    Beyond,
    Char,
    Choice,
    Class,
    Node,
    PatternError,
    Sequence,
)

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
_WHOLE_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*+\]")


class Escapes:
    """A place in a pattern, and what can be read there without knowing of groups."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.quoting = False  # between \Q and \E

    def fail(self, message: str, at: int | None = None) -> PatternError:
        """What is wrong, here or at that place."""
        return PatternError(message, (self.at if at is None else at) + 1)

    def escape(self, fold: bool) -> Node | None:
        r"""What a backslash and what follows mean; None for \Q and \E."""
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
                return Class((), (self._property(letter, started),), False, fold)
            case "g" | "k":
                return self._reference(started)
        return Char(self._code(letter, started), fold)

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

    def char_class(self, fold: bool) -> Class:
        """The class that begins here."""
        # Tags of SpamAssassin's replace_tag make patterns that have one class 10,000 times.
        whole = _WHOLE_CLASS.match(self.text, self.at)
        known = _class_of(whole.group(), fold) if whole is not None else None
        if whole is not None and known is not None:
            self.at = whole.end()
            return known
        return self.fresh_class(fold)

    def fresh_class(self, fold: bool) -> Class:
        """The same, read letter by letter."""
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


@lru_cache(maxsize=1024)
def _class_of(text: str, fold: bool) -> Class | None:
    """The class of which this is the whole text; None where it is not, or is wrong."""
    reader = Escapes(text)
    try:
        found = reader.fresh_class(fold)
    except PatternError:
        return None
    return found if reader.at == len(text) else None

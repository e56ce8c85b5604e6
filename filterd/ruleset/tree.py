"""tree - a pattern as a tree of nodes, whatever notation it was read from.

Owns:   the nodes, PatternError (with a column), beyond (what there is no linear way to run), branches.
Not here: reading (syntax), RE2 text (emit), required words and widths (literal).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_BRANCHES = 64  # alternatives that are looked for apart


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

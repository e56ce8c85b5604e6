"""position - where in a TOML file each key, value and array element stands.

Owns:   Positions. tomllib gives values without places; this reads the same text once more, after
        tomllib has accepted it, so it only needs to know where things begin and end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_PART = re.compile(r'[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRINGS = (
    ('"""', re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)),
    ("'''", re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)),
    ('"', re.compile(r'"(?:[^"\\\n]|\\.)*"')),
    ("'", re.compile(r"'[^'\n]*'")),
)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both from 1; `is_plain` when text in quotes stands as it is meant."""

    line: int
    column: int
    is_plain: bool = False

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class Positions:
    """Places by path: ("rule", "NAME", "hit", 0). Tables, keys, values, elements."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places: dict[Path, int] = {}
        self._plain: set[Path] = set()
        self._counts: dict[Path, int] = {}
        self._starts = [0]
        self._starts += [match.end() for match in re.finditer("\n", text)]
        self._read()

    def place(self, *path: str | int) -> Place:
        """The place of the value at `path`, or of the nearest thing around it."""
        while path and path not in self._places:
            path = path[:-1]
        offset = self._places.get(path, 0)
        return self._at(offset, path in self._plain)

    def within(self, offset: int, *path: str | int) -> Place:
        """The place of the character `offset` (from 1) of a text value, if it stands as it is meant."""
        place = self.place(*path)
        if place.is_plain and offset > 0:
            return Place(place.line, place.column + offset, True)
        return place

    def _at(self, offset: int, is_plain: bool) -> Place:
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            if self._starts[middle] <= offset:
                low = middle
            else:
                high = middle
        return Place(low + 1, offset - self._starts[low] + 1, is_plain)

    # -- reading ----------------------------------------------------------------------------

    def _read(self) -> None:
        text = self._text
        table: Path = ()
        at = self._skip(0)
        while at < len(text):
            started = at
            if text.startswith("[[", at):
                path, at = self._key(at + 2)
                index = self._counts.get(path, 0)
                self._counts[path] = index + 1
                table = (*path, index)
                at = text.find("\n", at)
            elif text[at] == "[":
                table, at = self._key(at + 1)
                at = text.find("\n", at)
            else:
                at = self._pair(at, table)
                at = self._skip(at) if at > started else len(text)
                continue
            for length in range(1, len(table) + 1):
                self._places.setdefault(table[:length], started)
            at = len(text) if at < 0 else self._skip(at)

    def _skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at

    def _key(self, at: int) -> tuple[Path, int]:
        parts: list[str] = []
        while True:
            at = self._space(at)
            found = _PART.match(self._text, at)
            if found is None:
                return tuple(parts), at
            parts.append(found.group().strip("\"'"))
            at = self._space(found.end())
            if not self._text.startswith(".", at):
                return tuple(parts), at
            at += 1

    def _space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _pair(self, at: int, table: Path) -> int:
        started = at
        key, at = self._key(at)
        path = (*table, *key)
        for length in range(len(table) + 1, len(path)):
            self._places.setdefault(path[:length], started)
        at = self._space(at)
        if not self._text.startswith("=", at):
            return at
        return self._value(self._space(at + 1), path)

    def _value(self, at: int, path: Path) -> int:
        text = self._text
        self._places.setdefault(path, at)
        for quote, pattern in _STRINGS:
            if text.startswith(quote, at):
                found = pattern.match(text, at)
                if found is None:
                    return len(text)
                if len(quote) == 1 and (quote == "'" or "\\" not in found.group()):
                    self._plain.add(path)
                return found.end()
        if text.startswith("[", at):
            return self._array(at, path)
        if text.startswith("{", at):
            return self._inline_table(at, path)
        found = _SCALAR.match(text, at)
        return found.end() if found else at

    def _array(self, at: int, path: Path) -> int:
        text = self._text
        at = self._skip(at + 1)
        index = 0
        while at < len(text) and text[at] != "]":
            at = self._skip(self._value(at, (*path, index)))
            index += 1
            if text.startswith(",", at):
                at = self._skip(at + 1)
            elif not text.startswith("]", at):
                return len(text)
        return at + 1

    def _inline_table(self, at: int, path: Path) -> int:
        text = self._text
        at = self._skip(at + 1)
        while at < len(text) and text[at] != "}":
            before = at
            at = self._skip(self._pair(at, path))
            if text.startswith(",", at):
                at = self._skip(at + 1)
            if at <= before:
                return len(text)
        return at + 1

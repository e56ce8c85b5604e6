"""position - on which line of a TOML file a key is set, for messages and `config show --origin`.

Owns:   Positions. A line scanner beside tomllib, which tells no lines; it only ever reads text that
        tomllib has accepted, so it needs to know headers, keys and where long strings end.
"""

from __future__ import annotations

import re

_PART = r'(?:[A-Za-z0-9_-]+|"[^"\n]*"|\'[^\'\n]*\')'
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=(.*)")
_NAME = re.compile(_PART)


class Positions:
    """Line numbers (from 1) of the dotted keys of one file."""

    def __init__(self, text: str) -> None:
        self._lines: dict[str, int] = {}
        table = ""
        counts: dict[str, int] = {}
        quote = ""  # the delimiter of the long string we are inside
        depth = 0  # of brackets of a value that goes on over lines
        for number, line in enumerate(text.splitlines(), 1):
            if quote or depth:
                quote, depth = _after(line, quote, depth)
                continue
            if match := _HEADER.match(line):
                table = _join(match.group(2))
                if match.group(1) == "[[":
                    index = counts.get(table, 0)
                    counts[table] = index + 1
                    self._lines.setdefault(table, number)
                    table = f"{table}[{index}]"
                self._lines.setdefault(table, number)
            elif match := _KEY.match(line):
                key = _join(match.group(1))
                self._lines.setdefault(f"{table}.{key}" if table else key, number)
                quote, depth = _after(match.group(2), "", 0)

    def line(self, key: str) -> int:
        """The line that sets `key` or the nearest thing around it; 0 when unknown."""
        while key:
            if key in self._lines:
                return self._lines[key]
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return 0


def _join(dotted: str) -> str:
    return ".".join(part.strip("\"'") for part in _NAME.findall(dotted))


def _after(text: str, quote: str, depth: int) -> tuple[str, int]:
    """The open long string and the open brackets after `text`."""
    index = 0
    while index < len(text):
        if quote:
            end = text.find(quote, index)
            if end < 0:
                return (quote, depth) if len(quote) == 3 else ("", depth)
            escaped = quote[0] == '"' and (end - len(text[:end].rstrip("\\"))) % 2
            index = end + (1 if escaped else len(quote))
            quote = quote if escaped else ""
            continue
        here = text[index]
        if here == "#":
            break
        if here in "\"'":
            quote = here * 3 if text.startswith(here * 3, index) else here
            index += len(quote)
            continue
        depth += (here in "[{") - (here in "]}")
        index += 1
    return (quote if len(quote) == 3 else ""), max(depth, 0)

"""lexical - comments, quoted strings, atoms: of what structured fields are made (RFC 5322 3.2).

Owns:   Token, tokens; has_at, has_word, joins, text_of for runs of tokens; comments_off.
Not here: what they mean: addresses (mail.address), parameters (mail.parameter), dates (mail.trace).
Rules of this file: any text, linear time. What never ends hides nothing: from there on its mark is a
        character like others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]++)"""
    r"""|"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)\""""
    r"""|\[(?P<literal>[^\[\]\\<>@"]*+)\]"""
    r"""|(?P<special>[()<>@,;:\\"\[\]])"""
    r"""|(?P<atom>[^()<>@,;:\\"\[\] \t\r\n]++)""",
    re.DOTALL,
)
# After a quote that never ends, quotes are characters like others: linear time.
_TOKEN_UNQUOTED = re.compile(
    r"""(?P<space>[ \t\r\n]++)|\[(?P<literal>[^\[\]\\<>@"]*+)\]"""
    r"""|(?P<special>[()<>@,;:\\\[\]])|(?P<atom>[^()<>@,;:\\\[\] \t\r\n]++)"""
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_COMMENT_MARK = re.compile(r"[()\\]")


@dataclass(slots=True)
class Token:
    """One token of a field body, and where it stands in it."""

    kind: str  # "space", "quoted", "literal", "special", "atom", "comment"
    text: str  # content, unquoted
    start: int
    end: int


def tokens(text: str, defects: set[str]) -> Iterator[Token]:
    """The tokens of a field body, in order; what is odd is added to the defects.

    Defects: "unterminated-comment", "unterminated-quote".
    """
    position = 0
    comments = True
    pattern = _TOKEN
    while position < len(text):
        if text[position] == "(" and comments:
            end = _comment_end(text, position)
            if end is not None:
                yield Token("comment", text[position + 1 : end - 1], position, end)
                position = end
                continue
            comments = False  # from here on "(" is a character like others: linear time
            defects.add("unterminated-comment")
        match = pattern.match(text, position)
        if match is None:  # cannot be: the alternatives cover every character
            return
        kind = match.lastgroup or "special"
        content = match.group(kind)
        if kind == "quoted" and "\\" in content:
            content = _ESCAPE.sub(r"\1", content)
        if kind == "special" and content == '"':
            defects.add("unterminated-quote")
            pattern = _TOKEN_UNQUOTED
            continue
        yield Token(kind, content, position, match.end())
        position = match.end()


def _comment_end(text: str, start: int) -> int | None:
    """The offset after the comment that opens at `start`; None if it never closes."""
    depth = 0
    skip = -1
    for match in _COMMENT_MARK.finditer(text, start):
        at = match.start()
        if at == skip:
            continue
        mark = match.group()
        if mark == "\\":
            skip = at + 1
        elif mark == "(":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return at + 1
    return None


def has_at(run: list[Token]) -> bool:
    """True if an "@" that separates is among the tokens."""
    return any(token.kind == "special" and token.text == "@" for token in run)


def has_word(run: list[Token]) -> bool:
    """True if an atom or a quoted string is among the tokens."""
    return any(token.kind in {"atom", "quoted"} for token in run)


def joins(before: Token, after: Token) -> bool:
    """True if space between the two belongs to one address, beside "@" or "." (RFC 5322 4.4)."""
    return (before.kind != "quoted" and before.text.endswith(("@", "."))) or (
        after.kind != "quoted" and after.text.startswith(("@", "."))
    )


def text_of(run: list[Token]) -> str:
    """The tokens as shown text: comments left out, runs of white space as one space."""
    text = "".join(
        " " if token.kind == "space" else token.text for token in run if token.kind != "comment"
    )
    return " ".join(text.split(" ")).strip()


def comments_off(text: str) -> str:
    """The text without its comments (RFC 5322 3.2.2); quoted strings are left alone."""
    if "(" not in text:
        return text
    kept: list[str] = []
    depth = 0
    quoted = False
    start = 0
    skip = -1
    for match in re.finditer(r'[()"\\]', text):
        at = match.start()
        if at == skip:
            continue
        character = match.group()
        if character == "\\":
            skip = at + 1
        elif character == '"':
            if depth == 0:
                quoted = not quoted
        elif quoted:
            continue
        elif character == "(":
            if depth == 0:
                kept.append(text[start:at])
            depth += 1
        elif depth:
            depth -= 1
            start = at + 1
    if depth == 0:
        kept.append(text[start:])
    return " ".join(kept)

r"""emit - a pattern's tree as text for RE2.

Owns:   to_re2.
Not here: reading (syntax), required words (literal).
What RE2 and Perl spell alike but mean differently is written out: `$`, `\s`, `\h`, `^`.
"""

from __future__ import annotations

from functools import lru_cache

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

LOOSE_REPEAT = 4  # above, a loose pattern does not count: the automaton stays small
_AT = {
    At.START: r"\A",
    At.END: r"\z",
    # RE2 cannot look at what follows; taking the line end is the same to whoever asks for a hit.
    At.LAST: r"(?:\n?\z)",
    At.LINE_START: "(?m:^)",
    At.LINE_END: "(?m:$)",
    At.WORD: r"\b",
    At.NOT_WORD: r"\B",
}
# Perl's \s has had the vertical tab since 5.18; RE2's has not.
_NAMES = {
    "s": r"\s\x0b",
    "h": r"\t \x{a0}",
    "v": r"\n\x0b\f\r\x{85}",
    "N": r"",
}
_NEGATED = {"S": r"\s\x0b", "H": r"\t \x{a0}", "V": r"\n\x0b\f\r\x{85}"}
_SPECIAL = frozenset("\\.+*?()|[]{}^$-&~#/@ ")


def to_re2(node: Node, *, loosely: bool = False) -> str:
    """The RE2 text of a tree; with `loosely`, what is Beyond RE2 matches anything at all.

    Loose text matches wherever the pattern itself does: it is a prefilter. Raises ValueError for a
    tree with Beyond in it unless `loosely`.
    """
    fold = _mostly_folds(node)
    text = _emit(node, fold, loosely)
    return f"(?i){text}" if fold else text


def _mostly_folds(node: Node) -> bool:
    """Whether the first character that could ignore case does."""
    stack = [node]
    while stack:
        item = stack.pop()
        match item:
            case Char(fold=fold) | Class(fold=fold) if fold:
                return True
            case Sequence(items=items):
                stack.extend(items)
            case Choice(options=options):
                stack.extend(options)
            case Repeat(item=inner):
                stack.append(inner)
            case Beyond(inside=inside) if inside is not None:
                stack.append(inside)
            case _:
                pass
    return False


def _emit(node: Node, fold: bool, loosely: bool) -> str:
    match node:
        case Char():
            return _char(node, fold)
        case Class():
            return _class(node, fold)
        case AnyChar(newline=newline):
            return "(?s:.)" if newline else r"[^\n]"
        case Assertion(at=at):
            return _AT[at]
        case Sequence(items=items):
            return "".join(
                f"(?:{_emit(item, fold, loosely)})"
                if isinstance(item, Choice)
                else _emit(item, fold, loosely)
                for item in items
            )
        case Choice(options=options):
            return "|".join(_emit(option, fold, loosely) for option in options)
        case Repeat(item=inner, low=low, high=high, lazy=lazy):
            if loosely and (low > LOOSE_REPEAT or (high or 0) > LOOSE_REPEAT):
                low, high = min(low, 1), None
            body = _emit(inner, fold, loosely)
            if not isinstance(inner, Char | Class | AnyChar):
                body = f"(?:{body})"
            return body + _bounds(low, high) + ("?" if lazy else "")
        case Beyond():
            return _loose(node, fold, loosely)


def _loose(node: Beyond, fold: bool, loosely: bool) -> str:
    if not loosely:
        raise ValueError(node.what)
    if not node.consumes:
        return ""
    if node.inside is None:
        return "(?s:.*)"
    return f"(?:{_emit(node.inside, fold, loosely)})"


def _bounds(low: int, high: int | None) -> str:
    match (low, high):
        case (0, None):
            return "*"
        case (1, None):
            return "+"
        case (0, 1):
            return "?"
        case (_, None):
            return f"{{{low},}}"
        case _:
            return f"{{{low}}}" if low == high else f"{{{low},{high}}}"


def _code(code: int) -> str:
    text = chr(code)
    if text.isascii() and (text.isalnum() or text == "_"):
        return text
    return f"\\x{{{code:x}}}"


def _char(node: Char, fold: bool) -> str:
    text = _code(node.code)
    if node.fold == fold or not chr(node.code).isalpha():
        return text
    return f"(?i:{text})" if node.fold else f"(?-i:{text})"


@lru_cache(maxsize=1024)
def _class(node: Class, fold: bool) -> str:
    parts = [
        _code(low) if low == high else f"{_code(low)}-{_code(high)}"
        for low, high in node.ranges
    ]
    is_negated = node.negated
    if len(node.names) == 1 and not parts and node.names[0] in _NEGATED:
        parts.append(_NEGATED[node.names[0]])
        is_negated = not is_negated
    else:
        parts += [_name(name) for name in node.names]
    text = f"[{'^' if is_negated else ''}{''.join(parts)}]"
    if node.fold == fold or not (node.ranges or node.names):
        return text
    if not node.ranges and not any(name[0] in "pP:" for name in node.names):
        return text
    return f"(?i:{text})" if node.fold else f"(?-i:{text})"


def _name(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    if name[0] == ":":
        return f"[{name}]"
    if name[0] in "pP":
        return f"\\{name}" if len(name) == 2 else f"\\{name[0]}{{{name[1:]}}}"
    # \H and \V mixed into a class: their complements as ranges.
    if name == "H":
        return r"\x00-\x08\x0a-\x1f\x21-\x{9f}\x{a1}-\x{ff}"
    if name == "V":
        return r"\x00-\x09\x0e-\x{84}\x{86}-\x{ff}"
    return f"\\{name}"

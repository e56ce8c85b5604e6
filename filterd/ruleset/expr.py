"""expr - boolean and comparison expressions over symbols and facts.

Owns:   parse, Expression: reading, the names used, evaluation.
Not here: what the names mean (composite for our rules, spamassassin.meta for imported ones).

    or (||), and (&&), not, == != < <= > >=, + -, * /, ! and ( ), from loose to tight
    atoms: number, "text", NAME, name(argument, ...)

A name has the value its environment gives it; in a condition everything but 0 and "" is true.
Rules of this file: any text gives an Expression or an ExpressionError; depth, length and the number
        of terms are bounded; evaluation costs one step a node and cannot fail.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

MAX_DEPTH = 40
MAX_LENGTH = 16_384  # characters; SpamAssassin's longest shipped meta has 1,700
MAX_TERMS = 2_000

Value = float | str | frozenset[str]


class ExpressionError(ValueError):
    """An expression that cannot be read: why, and at which character (from 1)."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Constant:
    """A number or a text."""

    value: float | str
    column: int


@dataclass(frozen=True, slots=True)
class Name:
    """A symbol or a fact."""

    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of names or texts: count(A, B)."""

    name: str
    arguments: tuple[Term, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`not` or `-`."""

    operator: str
    item: Term


@dataclass(frozen=True, slots=True)
class Binary:
    """Two sides; a chain of one operator is a list, so that depth stays small."""

    operator: str
    left: Term
    right: Term
    column: int


@dataclass(frozen=True, slots=True)
class Chain:
    """`and`, `or` or `+` over many."""

    operator: str
    items: tuple[Term, ...]


Term = Constant | Name | Call | Unary | Binary | Chain

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)
      |(?P<text>"[^"\n]{0,500}"|'[^'\n]{0,500}')
      |(?P<name>[A-Za-z_][A-Za-z0-9_.]*\*?)
      |(?P<mark>&&|\|\||==|!=|<=|>=|[<>!()+\-*/,&|]))""",
    re.VERBOSE,
)
_WORDS = {"and": "and", "or": "or", "not": "not"}
_MARKS = {"&&": "and", "||": "or", "&": "and", "|": "or"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at:]
            if not rest.strip():
                break
            column = at + len(rest) - len(rest.lstrip()) + 1
            raise ExpressionError(f"{rest.lstrip()[0]!r} means nothing here", column)
        kind = found.lastgroup or ""
        value = found.group(kind)
        if kind == "name" and value in _WORDS:
            kind, value = "mark", _WORDS[value]
        elif kind == "mark":
            value = _MARKS.get(value, value)
        yield _Token(kind, value, found.start(found.lastgroup or "") + 1)
        at = found.end()
    yield _Token("end", "", len(text) + 1)


class _Reader:
    """Recursive descent, one method a level."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    @property
    def here(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *marks: str) -> _Token | None:
        token = self.here
        if token.kind == "mark" and token.text in marks:
            self.at += 1
            return token
        return None

    def whole(self) -> Term:
        term = self.either()
        if self.here.kind != "end":
            raise ExpressionError(f"{self.here.text!r} is not expected here", self.here.column)
        return term

    def _chain(self, mark: str, below: Callable[[], Term]) -> Term:
        items = [below()]
        while self.take(mark):
            items.append(below())
        return items[0] if len(items) == 1 else Chain(mark, tuple(items))

    def either(self) -> Term:
        return self._chain("or", self.both)

    def both(self) -> Term:
        return self._chain("and", self.negation)

    def negation(self) -> Term:
        count = 0
        while self.take("not"):
            count += 1
        term = self.comparison()
        for _ in range(count if count < 2 else 2 - count % 2):
            term = Unary("not", term)
        return term

    def comparison(self) -> Term:
        left = self.addition()
        if token := self.take(*_COMPARE):
            left = Binary(token.text, left, self.addition(), token.column)
        if self.here.text in _COMPARE:
            raise ExpressionError("a comparison of a comparison", self.here.column)
        return left

    def addition(self) -> Term:
        items = [self.product()]
        while token := self.take("+", "-"):
            item = self.product()
            items.append(Unary("-", item) if token.text == "-" else item)
        return items[0] if len(items) == 1 else Chain("+", tuple(items))

    def product(self) -> Term:
        left = self.atom()
        for _ in range(MAX_DEPTH):
            token = self.take("*", "/")
            if token is None:
                return left
            left = Binary(token.text, left, self.atom(), token.column)
        raise ExpressionError(f"more than {MAX_DEPTH} factors", self.here.column)

    def atom(self) -> Term:
        token = self.here
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", token.column)
        try:
            return self._atom(token)
        finally:
            self.depth -= 1

    def _atom(self, token: _Token) -> Term:
        if self.take("("):
            inside = self.either()
            if not self.take(")"):
                raise ExpressionError("a ( without its )", token.column)
            return inside
        if self.take("-"):
            return Unary("-", self.atom())
        if self.take(
            "!"
        ):  # binds tighter than a comparison, as in SpamAssassin; `not` does not
            return Unary("not", self.atom())
        self.at += 1
        match token.kind:
            case "number":
                return Constant(float(token.text), token.column)
            case "text":
                return Constant(token.text[1:-1], token.column)
            case "name":
                return self._name(token)
            case "end":
                raise ExpressionError("something is missing at the end", token.column)
            case _:
                raise ExpressionError(f"{token.text!r} is not expected here", token.column)

    def _name(self, token: _Token) -> Term:
        if not self.take("("):
            return Name(token.text, token.column)
        arguments: list[Term] = []
        while not self.take(")"):
            if arguments and not self.take(","):
                raise ExpressionError(f"{token.text}( without its )", token.column)
            arguments.append(self.either())
        return Call(token.text, tuple(arguments), token.column)


Environment = Callable[[str], Value]
Function = Callable[[tuple[Term, ...], Environment], Value]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A read expression; `names` in order of appearance, without those inside quotes."""

    text: str
    term: Term

    def walk(self) -> Iterator[Term]:
        """Every node, outer ones first."""
        stack = [self.term]
        while stack:
            term = stack.pop()
            yield term
            match term:
                case Unary(item=item):
                    stack.append(item)
                case Binary(left=left, right=right):
                    stack += [right, left]
                case Chain(items=items):
                    stack += reversed(items)
                case Call(arguments=arguments):
                    stack += reversed(arguments)
                case _:
                    pass

    @property
    def names(self) -> tuple[Name, ...]:
        return tuple(term for term in self.walk() if isinstance(term, Name))

    def value(
        self, environment: Environment, functions: Mapping[str, Function] | None = None
    ) -> Value:
        """What it comes to; a name that the environment gives as 0 is false."""
        return _value(self.term, environment, functions or {})

    def is_true(
        self, environment: Environment, functions: Mapping[str, Function] | None = None
    ) -> bool:
        return bool(self.value(environment, functions))


def _number(value: Value) -> float:
    if isinstance(value, float | int):
        return float(value)
    return 1.0 if value else 0.0


def _value(term: Term, environment: Environment, functions: Mapping[str, Function]) -> Value:
    match term:
        case Constant(value=value):
            return value
        case Name(name=name):
            return environment(name)
        case Call(name=name, arguments=arguments):
            found = functions.get(name)
            return found(arguments, environment) if found is not None else 0.0
        case Unary(operator="not", item=item):
            return 0.0 if _value(item, environment, functions) else 1.0
        case Unary(item=item):
            return -_number(_value(item, environment, functions))
        case Chain(operator="and", items=items):
            return float(all(_value(item, environment, functions) for item in items))
        case Chain(operator="or", items=items):
            return float(any(_value(item, environment, functions) for item in items))
        case Chain(items=items):
            return sum(_number(_value(item, environment, functions)) for item in items)
        case Binary():
            left = _value(term.left, environment, functions)
            right = _value(term.right, environment, functions)
            return _binary(term.operator, left, right)


def _binary(mark: str, left: Value, right: Value) -> float:
    if mark in {"==", "!="} and (isinstance(left, str | frozenset) or isinstance(right, str)):
        return float(_same(left, right) == (mark == "=="))
    first, second = _number(left), _number(right)
    if mark == "*":
        return first * second
    if mark == "/":
        return first / second if second else 0.0
    return float(_COMPARE[mark](first, second))


def _same(left: Value, right: Value) -> bool:
    """Equal texts, case ignored; a set (several results of one method) is equal to each member."""
    if isinstance(left, frozenset):
        return isinstance(right, str) and right.lower() in left
    if isinstance(right, frozenset):
        return isinstance(left, str) and left.lower() in right
    return isinstance(left, str) and isinstance(right, str) and left.lower() == right.lower()


def parse(text: str) -> Expression:
    """Read an expression; ExpressionError says what is wrong and at which character."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"an expression of {len(text):,} characters; the limit is {MAX_LENGTH:,}"
        )
    reader = _Reader(text)
    if len(reader.tokens) > MAX_TERMS:
        raise ExpressionError(f"more than {MAX_TERMS:,} words")
    return Expression(text, reader.whole())

"""composite - expressions over symbols, authentication results, sizes and scores.

Owns:   FACTS (the names an expression may use besides symbols), FUNCTIONS, check, Facts, order.
Not here: reading expressions (expr).

    FREEMAIL_FROM and not dkim == "pass" and count(LINK_*, _URGENT) >= 2
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from filterd.core.evidence import Hit
from filterd.core.stage import Stage
from filterd.ruleset.expr import (
    Binary,
    Call,
    Constant,
    Expression,
    Function,
    Name,
    Term,
    Value,
)
from filterd.ruleset.source import did_you_mean

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction

# RFC 8601 2.7 and the methods' own RFCs.
RESULTS = frozenset(
    [
        "pass",
        "fail",
        "softfail",
        "neutral",
        "none",
        "temperror",
        "permerror",
        "policy",
        "bestguesspass",
    ]
)
METHODS = ("spf", "dkim", "dmarc", "arc", "iprev", "auth")


@dataclass(frozen=True, slots=True)
class Fact:
    """One name an expression may use: when it is known, what it means, how it is read."""

    stage: Stage
    kind: str  # "result", "number", "text"
    describe: str
    read: Callable[[Transaction], Value]


def _results(method: str) -> Callable[[Transaction], Value]:
    return lambda tx: (
        frozenset(result.result.lower() for result in tx.auth(method)) or frozenset({"none"})
    )


def _author_domain(tx: Transaction) -> str:
    mailboxes = tx.message.author.mailboxes
    return mailboxes[0].domain if mailboxes else ""


def _number(stage: Stage, describe: str, read: Callable[[Transaction], float | bool]) -> Fact:
    return Fact(stage, "number", describe, lambda tx: float(read(tx)))


def _text(stage: Stage, describe: str, read: Callable[[Transaction], str]) -> Fact:
    return Fact(stage, "text", describe, read)


FACTS: Mapping[str, Fact] = {
    **{
        method: Fact(
            Stage.EOM, "result", f"the result of {method} (RFC 8601)", _results(method)
        )
        for method in METHODS
    },
    "size": _number(Stage.EOM, "bytes of the message", lambda tx: tx.message.size),
    "text_length": _number(
        Stage.EOM, "characters a reader sees", lambda tx: len(tx.message.text)
    ),
    "subject_length": _number(
        Stage.HEADER, "characters of the decoded subject", lambda tx: len(tx.message.subject)
    ),
    "links": _number(Stage.EOM, "distinct links", lambda tx: len(tx.message.links)),
    "sites": _number(
        Stage.EOM,
        "distinct domains linked to",
        lambda tx: len({link.site for link in tx.message.links if link.site}),
    ),
    "parts": _number(Stage.EOM, "MIME parts", lambda tx: len(tx.message.parts)),
    "attachments": _number(Stage.EOM, "attachments", lambda tx: len(tx.message.attachments)),
    "has_html": _number(Stage.EOM, "an HTML part is shown", lambda tx: bool(tx.message.html)),
    "recipients": _number(
        Stage.RCPT, "envelope recipients", lambda tx: len(tx.envelope.recipients)
    ),
    "hops": _number(Stage.HEADER, "Received fields", lambda tx: len(tx.message.hops)),
    "authenticated": _number(
        Stage.MAIL, "the client logged in", lambda tx: tx.session.is_authenticated
    ),
    "local": _number(
        Stage.CONNECT, "the client is in a local network", lambda tx: tx.session.is_local
    ),
    "tls": _number(Stage.HELO, "the session is encrypted", lambda tx: bool(tx.session.tls)),
    "client": _text(
        Stage.CONNECT, "the client's address", lambda tx: str(tx.session.client or "")
    ),
    "client.name": _text(
        Stage.CONNECT, "the client's verified name", lambda tx: tx.session.client_name
    ),
    "helo": _text(Stage.HELO, "the HELO name", lambda tx: tx.session.helo),
    "mail_from": _text(Stage.MAIL, "the reverse-path", lambda tx: tx.envelope.reverse_path),
    "mail_from.domain": _text(
        Stage.MAIL, "the reverse-path's domain", lambda tx: tx.envelope.domain
    ),
    "from.domain": _text(Stage.HEADER, "the first author's domain", _author_domain),
    "profile": _text(Stage.RCPT, "the profile in force", lambda tx: tx.profile),
}
SCORE = "score"  # the points so far, composites not included

FUNCTIONS = {
    "count": "how many of these are true",
    "any": "whether one of these is true",
    "all": "whether all of these are true",
    "points": "the points of these symbols",
    "group": "the points of the symbols of a group",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What an expression may refer to."""

    symbols: Mapping[str, Stage]
    groups: frozenset[str]


def check(expression: Expression, known: Known) -> list[tuple[int, str]]:
    """(column, what is wrong) of every name, function and comparison that cannot be meant."""
    wrong: list[tuple[int, str]] = []
    for term in expression.walk():
        match term:
            case Name():
                wrong += _check_name(term, known)
            case Call():
                wrong += _check_call(term, known)
            case Binary():
                wrong += _check_comparison(term)
            case _:
                pass
    return wrong


def _check_name(term: Name, known: Known) -> list[tuple[int, str]]:
    name = term.name
    if name in FACTS or name == SCORE or name in known.symbols:
        return []
    if name.endswith("*"):
        if any(fnmatchcase(symbol, name) for symbol in known.symbols):
            return []
        return [(term.column, f"no symbol begins with {name[:-1]}")]
    hint = did_you_mean(name, [*known.symbols, *FACTS, SCORE])
    return [(term.column, f'"{name}" is no symbol and no fact{hint}')]


def _check_call(term: Call, known: Known) -> list[tuple[int, str]]:
    if term.name not in FUNCTIONS:
        hint = did_you_mean(term.name, FUNCTIONS)
        return [(term.column, f"there is no {term.name}(){hint}")]
    if not term.arguments:
        return [(term.column, f"{term.name}() of nothing")]
    wrong = []
    for argument in term.arguments:
        if term.name == "group":
            is_known = isinstance(argument, Constant) and argument.value in known.groups
            if not is_known:
                given = str(argument.value) if isinstance(argument, Constant) else ""
                hint = did_you_mean(given, known.groups)
                wrong.append((term.column, f"group() takes a group's name in quotes{hint}"))
        elif term.name == "points" and not isinstance(argument, Name):
            wrong.append((term.column, "points() takes symbols"))
    return wrong


def _check_comparison(term: Binary) -> list[tuple[int, str]]:
    for left, right in ((term.left, term.right), (term.right, term.left)):
        if not isinstance(left, Name) or left.name not in FACTS:
            continue
        kind = FACTS[left.name].kind
        is_text = isinstance(right, Constant) and isinstance(right.value, str)
        if kind == "result":
            word = str(right.value) if isinstance(right, Constant) else ""
            if not is_text or term.operator not in {"==", "!="}:
                message = f'compare {left.name} as in {left.name} == "pass"'
                return [(term.column, message)]
            if word not in RESULTS:
                hint = (
                    did_you_mean(word, RESULTS) or f"; results are {', '.join(sorted(RESULTS))}"
                )
                return [
                    (
                        right.column if isinstance(right, Constant) else 0,
                        f'"{word}" is no result of {left.name}{hint}',
                    )
                ]
        elif kind == "number" and is_text:
            return [(term.column, f"{left.name} is a number")]
        elif kind == "text" and (not is_text or term.operator not in {"==", "!="}):
            return [(term.column, f'{left.name} is a text: compare it with == "..."')]
    return []


def stage_of(expression: Expression, symbols: Mapping[str, Stage]) -> Stage:
    """The earliest stage at which everything the expression reads is known."""
    stages = [Stage.CONNECT]
    for name in expression.names:
        if name.name in FACTS:
            stages.append(FACTS[name.name].stage)
        elif name.name == SCORE:
            stages.append(Stage.EOM)
        elif name.name.endswith("*"):
            stages += [s for n, s in symbols.items() if fnmatchcase(n, name.name)]
        else:
            stages.append(symbols.get(name.name, Stage.EOM))
    for term in expression.walk():
        if isinstance(term, Call) and term.name in {"points", "group"}:
            stages.append(Stage.EOM)
    return max(stages)


def order(needs: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """Names so that each stands behind what it needs, and the circles that forbid it."""
    done: dict[str, None] = {}
    circles: list[list[str]] = []
    state: dict[str, int] = {}
    for start in needs:
        if start in state:
            continue
        stack: list[tuple[str, list[str]]] = [(start, [n for n in needs[start] if n in needs])]
        state[start] = 1
        while stack:
            name, left = stack[-1]
            if not left:
                stack.pop()
                state[name] = 2
                done[name] = None
                continue
            following = left.pop()
            if state.get(following) == 1:
                names = [item for item, _ in stack]
                circles.append([*names[names.index(following) :], following])
            elif following not in state:
                state[following] = 1
                stack.append((following, [n for n in needs[following] if n in needs]))
    return list(done), circles


class Facts:
    """What the names of expressions mean in one transaction; symbols found so far can be added."""

    def __init__(
        self,
        tx: Transaction,
        hits: Iterable[str],
        points: Mapping[str, float],
        groups: Mapping[str, str],
    ) -> None:
        self._tx = tx
        self.hits = set(hits)
        self._points = points
        self._groups = groups
        self._known: dict[str, Value] = {}

    @property
    def functions(self) -> Mapping[str, Function]:
        """What expressions may call.

        Made for who asks: kept here it would be a ring, and the whole message waited for the collector.
        """
        return {
            "count": self._count,
            "any": self._any,
            "all": self._all,
            "points": self._of_symbols,
            "group": self._of_group,
        }

    @classmethod
    def given(cls, tx: Transaction, hits: Iterable[str], values: Mapping[str, Value]) -> Facts:
        """Facts of an example: what it states, else what holds of an empty transaction."""
        facts = cls(tx, hits, {}, {})
        facts._known.update(values)
        return facts

    def get(self, name: str) -> Value:
        if name in self.hits:
            return 1.0
        if name in self._known:
            return self._known[name]
        fact = FACTS.get(name)
        if fact is not None:
            return self._known.setdefault(name, fact.read(self._tx))
        if name == SCORE:
            return self._points.get("", 0.0)
        if name.endswith("*"):
            return float(len(self._like(name)))
        return 0.0

    def _like(self, pattern: str) -> Sequence[str]:
        return [name for name in self.hits if fnmatchcase(name, pattern)]

    def _count(self, terms: tuple[Term, ...], _: Callable[[str], Value]) -> float:
        total = 0.0
        functions = self.functions
        for term in terms:
            if isinstance(term, Name) and term.name.endswith("*"):
                total += len(self._like(term.name))
            else:
                total += bool(Expression("", term).value(self.get, functions))
        return total

    def _any(self, terms: tuple[Term, ...], _: Callable[[str], Value]) -> float:
        return float(self._count(terms, self.get) > 0)

    def _all(self, terms: tuple[Term, ...], _: Callable[[str], Value]) -> float:
        functions = self.functions
        return float(all(Expression("", t).value(self.get, functions) for t in terms))

    def _of_symbols(self, terms: tuple[Term, ...], _: Callable[[str], Value]) -> float:
        names = [term.name for term in terms if isinstance(term, Name)]
        return sum(self._points.get(name, 0.0) for name in names)

    def _of_group(self, terms: tuple[Term, ...], _: Callable[[str], Value]) -> float:
        wanted = {term.value for term in terms if isinstance(term, Constant)}
        return sum(
            points
            for name, points in self._points.items()
            if name and self._groups.get(name) in wanted
        )


def reasons(expression: Expression, facts: Facts) -> str:
    """The symbols of the expression that are there, for the detail of its hit."""
    return " ".join(
        dict.fromkeys(name.name for name in expression.names if name.name in facts.hits)
    )


def symbols_hit(tx: Transaction) -> set[str]:
    """The symbols in the evidence so far."""
    return {item.symbol for item in tx.evidence if isinstance(item, Hit)}

"""program - SpamAssassin's rules compiled, and what they hit in one transaction.

Owns:   Imported rules as a Program: load, match.
Not here: reading files (source), places (view), functions (evals), scores and reports (ruleset).
Rules of this file: what cannot be carried over is reported with its rule; what is accepted hits as it does
        in SpamAssassin. Sub-rules (__NAME) hit, and are not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.ruleset import composite, expr
from filterd.ruleset.allowance import Allowance
from filterd.ruleset.backtrack import ALLOWANCE
from filterd.ruleset.match import Matcher, Pattern
from filterd.ruleset.spamassassin import evals, source
from filterd.ruleset.spamassassin.pattern import compile_literal, split_literal
from filterd.ruleset.spamassassin.replace import replace_tags
from filterd.ruleset.spamassassin.source import Imported, Kind, Rule
from filterd.ruleset.spamassassin.view import View
from filterd.ruleset.tree import PatternError

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction

LOCAL = 0  # of the four scores: without network and Bayes, for which the filter has checks of its own
MAX_HITS = 1_000  # counted of a rule with `tflags multiple`
_LOOKED_AT = frozenset(
    {Kind.BODY, Kind.RAWBODY, Kind.URI, Kind.FULL, Kind.HEADER, Kind.MIMEHEADER}
)


@dataclass(slots=True)
class _Place:
    """The rules that look at one place."""

    names: list[str] = field(default_factory=list)
    patterns: list[Pattern] = field(default_factory=list)
    matcher: Matcher = field(default_factory=lambda: Matcher(()))


@dataclass(slots=True)
class _Header:
    """A header rule that is not simply a pattern on what is there."""

    rule: Rule
    patterns: Sequence[Pattern]


class Program:
    """Imported rules, ready to run. Shared by all threads."""

    def __init__(self, imported: Imported, *, column: int, steps: int) -> None:
        self.imported = imported
        self.exhausted: Counter[str] = Counter()  # by rule: how often a limit was reached
        self.accepted: set[str] = set()
        self._steps = steps
        self.column = column
        self._places: dict[tuple[Kind, str], _Place] = {}
        self._odd: list[_Header] = []
        self._counted: dict[str, tuple[tuple[Kind, str], Sequence[Pattern], int]] = {}
        self._evals: list[Rule] = []
        self._metas: list[tuple[str, expr.Expression]] = []
        self._compile()

    @property
    def rules(self) -> Mapping[str, Rule]:
        return self.imported.rules

    def is_shown(self, name: str) -> bool:
        """Whether hits of the rule are reported: it is no sub-rule, and it counts."""
        return not name.startswith("__") and self._runs(name)

    # -- compiling --------------------------------------------------------------------------

    def _runs(self, name: str) -> bool:
        return name.startswith("__") or self.imported.score(name, self.column) != 0

    def _compile(self) -> None:
        metas: dict[str, expr.Expression] = {}
        for name, rule in self.imported.rules.items():
            if not self._runs(name):
                self.accepted.add(name)
                continue
            if rule.kind in _LOOKED_AT:
                self._add_pattern(rule)
            elif rule.kind is Kind.EVAL:
                self._add_eval(rule)
            else:
                try:
                    metas[name] = expr.parse(rule.text)
                except expr.ExpressionError as error:
                    self.imported.report(rule, f"{error.message} (column {error.column})")
        self._add_metas(metas)
        for place in self._places.values():
            place.matcher = Matcher(place.patterns)

    def _add_pattern(self, rule: Rule) -> None:
        where = (rule.kind, rule.header)
        if rule.is_exists:
            self._odd.append(_Header(rule, ()))
            self.accepted.add(rule.name)
            return
        flags = self.imported.tflags.get(rule.name, frozenset())
        is_multiple = "multiple" in flags and not rule.is_negated
        try:
            pattern, letters = split_literal(rule.text)
            if rule.name in self.imported.replaced:
                pattern = replace_tags(pattern, self.imported)
            made = compile_literal(
                pattern,
                letters,
                name=rule.name,
                steps=self._steps,
                exhausted=self.exhausted,
                whole=is_multiple,
            )
        except PatternError as error:
            self.imported.report(rule, error.message)
            return
        self.accepted.add(rule.name)
        if rule.is_negated or rule.unset is not None or "nosubject" in flags:
            self._odd.append(_Header(rule, made))
            return
        if is_multiple:
            most = next(
                (int(f[8:]) for f in flags if f.startswith("maxhits=") and f[8:].isdecimal()),
                MAX_HITS,
            )
            self._counted[rule.name] = (where, made, min(most, MAX_HITS))
        place = self._places.setdefault(where, _Place())
        place.names += [rule.name] * len(made)
        place.patterns += made

    def _add_eval(self, rule: Rule) -> None:
        if rule.function in evals.SILENT:
            self.imported.report(
                rule, f"eval:{rule.function}() is always no here", is_note=True
            )
            self.accepted.add(rule.name)
            return
        wrong = evals.wrong_call(rule)
        if wrong:
            self.imported.report(rule, wrong)
        else:
            self._evals.append(rule)
            self.accepted.add(rule.name)

    def _add_metas(self, metas: dict[str, expr.Expression]) -> None:
        needs = {name: [n.name for n in found.names] for name, found in metas.items()}
        ordered, circles = composite.order(needs)
        in_circle = {name for circle in circles for name in circle}
        for name in in_circle:
            self.imported.report(self.imported.rules[name], "needs itself")
        for name in ordered:
            if name in in_circle:
                continue
            missing = [
                other
                for other in needs[name]
                if other in self.imported.rules and other not in self.accepted
            ]
            if missing:
                reason = f"needs {', '.join(sorted(set(missing))[:3])}, which is not there"
                self.imported.report(self.imported.rules[name], reason)
                continue
            self.accepted.add(name)
            self._metas.append((name, metas[name]))

    # -- matching ---------------------------------------------------------------------------

    def match(self, tx: Transaction) -> dict[str, float]:
        """Every rule that hits, sub-rules too, with its value (1, or how often)."""
        return self.look(tx)[0]

    def look(self, tx: Transaction) -> tuple[dict[str, float], set[str]]:
        """The same, and the rules that gave up at a limit."""
        view = View(tx)
        found: dict[str, float] = {}
        with Allowance(ALLOWANCE) as given_up:
            for where, place in self._places.items():
                texts = _texts(view, where)
                if not texts:
                    continue
                for index, *_ in place.matcher.search(texts):
                    found[place.names[index]] = 1.0
            for name, (where, patterns, most) in self._counted.items():
                if name in found:
                    found[name] = _count(_texts(view, where), patterns, most)
            for odd in self._odd:
                if _hits(view, odd):
                    found[odd.rule.name] = 1.0
        for rule in self._evals:
            said = evals.FUNCTIONS[rule.function](view, rule.arguments, self.imported.lists)
            if said:
                found[rule.name] = float(said)
        for name, expression in self._metas:
            value = expression.value(lambda n: found.get(n, 0.0))
            if value:
                found[name] = max(1.0, value) if isinstance(value, float) else 1.0
        return found, given_up


def _texts(view: View, where: tuple[Kind, str]) -> Sequence[bytes]:
    kind, header = where
    match kind:
        case Kind.BODY:
            return view.body
        case Kind.RAWBODY:
            return view.raw_body
        case Kind.URI:
            return view.uris
        case Kind.FULL:
            return (view.full,)
        case Kind.MIMEHEADER:
            name, _, modifier = header.partition(":")
            return view.mime_fields(name.lower(), modifier == "raw")
        case _:
            # A field that is not there is matched as the empty text.
            return (view.field(header) or b"",)


def _hits(view: View, odd: _Header) -> bool:
    rule = odd.rule
    if rule.kind is Kind.BODY:  # nosubject
        return any(p.is_in(text) for p in odd.patterns for text in view.body[1:])
    if rule.kind is Kind.MIMEHEADER:
        values: Iterable[bytes] = _texts(view, (rule.kind, rule.header))
        if rule.is_exists:
            return bool(values)
    else:
        value = view.field(rule.header)
        if rule.is_exists:
            return value is not None
        if value is None:
            value = rule.unset.encode("latin-1") if rule.unset is not None else b""
        values = (value,)
    is_there = any(p.is_in(value) is not None for p in odd.patterns for value in values)
    return is_there is not rule.is_negated


def _count(texts: Iterable[bytes], patterns: Sequence[Pattern], most: int) -> float:
    total = 0
    for text in texts:
        for pattern in patterns:
            total += pattern.count(text, most - total)
            if total >= most:
                return float(total)
    return float(total)


def load(paths: Iterable[Path], *, column: int = LOCAL, steps: int = 20_000) -> Program:
    """Read and compile SpamAssassin's files; what was left out is in `imported.reports`."""
    return Program(source.read(paths), column=column, steps=steps)

"""program - declarations compiled into what runs: patterns by place, lists, composites.

Owns:   Program, compile_program; the examples of each rule are tried with the same code that scans.
Not here: reading files (source), scores (scores), SpamAssassin's files (spamassassin).
Rules of this file: what can be wrong is found here, all of it, with its place; matching cannot fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from filterd.core.errors import ConfigProblem
from filterd.core.evidence import Evidence, Hit, Proposal
from filterd.core.stage import Stage
from filterd.core.transaction import Envelope, Session, Transaction, client_address
from filterd.core.verdict import Action, Reply
from filterd.mail.message import Message
from filterd.ruleset import composite, expr
from filterd.ruleset.allowance import Allowance, give_up, is_used_up
from filterd.ruleset.engine import Engine
from filterd.ruleset.listing import Listing, Words, make_listing, read_list
from filterd.ruleset.literal import forget_worths
from filterd.ruleset.match import MAX_COUNT, Matcher, Pattern, compile_branches, compile_pattern
from filterd.ruleset.place import FIXED, FORMS, Place, place
from filterd.ruleset.source import Declarations, Example, Origin, Rule
from filterd.ruleset.tree import PatternError

GAVE_UP = "RULE_LIMIT"  # the symbol of patterns that reached a limit
ALLOWANCE = (
    2.0  # seconds of CPU a message; the shipped rules take 0.001, the deadline of a scan is 8
)
DETAIL = 60  # characters of matched text that are shown
_EXAMPLE_CLIENT = "192.0.2.1"


@dataclass(frozen=True, slots=True)
class Looker:
    """A pattern or list rule, compiled."""

    rule: Rule
    places: tuple[Place, ...]
    patterns: tuple[Pattern, ...] = ()
    unless: tuple[Pattern, ...] = ()
    listing: Listing | None = None
    stage: Stage = Stage.EOM

    def look(self, texts: Iterable[tuple[bytes, ...]]) -> str | None:
        """What was found in the texts of its places, or None; for examples and for counting."""
        texts = list(texts)
        if any(p.is_in(text) for p in self.unless for group in texts for text in group):
            return None
        if self.rule.count is not None:
            return self._counted(texts)
        for group in texts:
            for text in group:
                found = self.find(text)
                if found is not None:
                    return found
        return None

    def find(self, text: bytes) -> str | None:
        """What is found in one text, or None."""
        if self.listing is not None:
            return self.listing.find(text) or None
        for pattern in self.patterns:
            span = pattern.is_in(text)
            if span is not None:
                return shown(text[span[0] : span[1]])
        return None

    def _counted(self, texts: list[tuple[bytes, ...]]) -> str | None:
        mark, number = self.rule.count or (">=", 1)
        total = 0
        for group in texts:
            for text in group:
                if isinstance(self.listing, Words):
                    total += len(self.listing.found(text))
                elif self.listing is not None:
                    total += bool(self.listing.find(text))
                else:
                    total += sum(p.count(text, MAX_COUNT) for p in self.patterns)
        fits = {">=": total >= number, ">": total > number, "==": total == number}
        return f"{total} times" if fits[mark] else None


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite rule, compiled."""

    rule: Rule
    expression: expr.Expression
    stage: Stage


def shown(data: bytes) -> str:
    """Matched bytes as a short printable text."""
    text = " ".join(data.decode("utf-8", "replace").split())
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= DETAIL else f"{text[: DETAIL - 1]}…"


class Program:
    """The compiled rules of ours."""

    def __init__(
        self, lookers: Mapping[str, Looker], composites: Mapping[str, Composite]
    ) -> None:
        self.lookers = dict(lookers)
        self.composites = dict(composites)  # in an order in which each may use the earlier ones
        self._by_place: dict[Place, _AtPlace] = {}
        for looker in lookers.values():
            for where in looker.places:
                at = self._by_place.setdefault(where, _AtPlace())
                at.add(looker)
        for at in self._by_place.values():
            at.finish()

    @cached_property
    def parts(self) -> frozenset[str]:
        """Rules that are never reported."""
        return frozenset(
            name for name in (*self.lookers, *self.composites) if name.startswith("_")
        )

    def engines(self) -> Iterator[Engine]:
        """The engines of all patterns; some of them several times."""
        for looker in self.lookers.values():
            for pattern in (*looker.patterns, *looker.unless):
                yield from pattern.engines()

    def match(self, tx: Transaction) -> Iterator[Hit]:
        """Hits of pattern and list rules, parts included, within an allowance of CPU time."""
        with Allowance(ALLOWANCE) as given_up:
            hits = list(self._match(tx))
        if given_up:
            hits.append(Hit(GAVE_UP, "our own patterns took too long"))
        return iter(hits)

    def _match(self, tx: Transaction) -> Iterator[Hit]:
        texts: dict[Place, tuple[bytes, ...]] = {}
        found: dict[str, str] = {}
        for where, at in self._by_place.items():
            values = where.values(tx) if where.stage <= tx.stage else ()
            texts[where] = values
            if values:
                at.search(values, found)
        for name, detail in found.items():
            looker = self.lookers[name]
            if looker.unless or looker.rule.count is not None:
                if is_used_up():
                    give_up(name)
                    continue
                again = looker.look(texts[where] for where in looker.places)
                if again is None:
                    continue
                detail = again
            yield Hit(name, detail)

    def compose(self, tx: Transaction, facts: composite.Facts) -> Iterator[Evidence]:
        """Hits of composites, and what the rules that have an action propose."""
        details = {hit.symbol: hit.detail for hit in tx.hits}
        functions = facts.functions
        for name, item in self.composites.items():
            if name in facts.hits:
                continue
            if item.expression.is_true(facts.get, functions):
                details[name] = composite.reasons(item.expression, facts)
                facts.hits.add(name)
                if not name.startswith("_"):
                    yield Hit(name, details[name])
        for name in sorted(facts.hits):
            proposal = self.proposal(name, details.get(name, ""))
            if proposal is not None:
                yield proposal

    def proposal(self, name: str, detail: str) -> Proposal | None:
        """What the rule asks for when it hits, or None where it asks for nothing."""
        looker = self.lookers.get(name) or self.composites.get(name)
        if looker is None or looker.rule.action is None:
            return None
        reply = looker.rule.reply or Reply(250, "2.0.0", "")
        if not reply.text:
            reply = Reply(reply.code, reply.enhanced, f"Refused by rule {name}")
        return Proposal(looker.rule.action, name, reply, detail)

    def try_example(self, name: str, example: Example) -> bool:
        """Whether the rule hits that example; ValueError says why it cannot be tried."""
        looker = self.lookers.get(name)
        if looker is None:
            return self._try_composite(self.composites[name], example)
        if example.message is None:
            # RFC 2047 and MIME are not asked for here: the text is what the place gives.
            values = (example.text.encode("utf-8", "replace"),)
            return looker.look([values]) is not None
        tx = _transaction(example)
        return looker.look(where.values(tx) for where in looker.places) is not None

    def _try_composite(self, item: Composite, example: Example) -> bool:
        if example.message is not None:
            tx = _transaction(example)
            hits = {hit.symbol for hit in self.match(tx)}
            facts = composite.Facts(tx, hits, {}, {})
        else:
            hits, values = _assignments(item, example.text)
            facts = composite.Facts.given(_transaction(example), hits, values)
        return item.expression.is_true(facts.get, facts.functions)


class _AtPlace:
    """What looks at one place: one matcher for all patterns, and the lists."""

    def __init__(self) -> None:
        self.patterns: list[Pattern] = []
        self.names: list[str] = []
        self.lists: list[Looker] = []
        self.matcher = Matcher(())

    def add(self, looker: Looker) -> None:
        if looker.listing is not None:
            self.lists.append(looker)
        for pattern in looker.patterns:
            self.patterns.append(pattern)
            self.names.append(looker.rule.name)

    def finish(self) -> None:
        self.matcher = Matcher(self.patterns)

    def search(self, values: tuple[bytes, ...], found: dict[str, str]) -> None:
        for index, text, start, end in self.matcher.search(values):
            name = self.names[index]
            if name not in found:
                found[name] = shown(text[start:end])
        for looker in self.lists:
            for text in values:
                entry = looker.find(text)
                if entry is not None:
                    found.setdefault(looker.rule.name, entry)
                    break


def _transaction(example: Example) -> Transaction:
    raw = (example.message or "").replace("\r\n", "\n").replace("\n", "\r\n")
    return Transaction(
        session=Session(
            client=client_address(example.client or _EXAMPLE_CLIENT),
            client_name=example.client_name,
            helo=example.helo,
        ),
        envelope=Envelope(
            reverse_path=example.mail_from,
            recipients=(example.rcpt,) if example.rcpt else (),
        ),
        message=Message.from_bytes(raw.encode("utf-8", "replace")),
        stage=Stage.EOM,
    )


def _assignments(item: Composite, text: str) -> tuple[set[str], dict[str, expr.Value]]:
    """Read 'SYMBOL OTHER spf=pass size=2000 score=3.5' as what an expression sees."""
    used = {name.name for name in item.expression.names}
    hits: set[str] = set()
    values: dict[str, expr.Value] = {}
    for word in text.replace(",", " ").split():
        name, equals, value = word.partition("=")
        if not equals:
            globs = [glob for glob in used if glob.endswith("*")]
            if name not in used and not any(name.startswith(g[:-1]) for g in globs):
                near = get_close_matches(name, used, 1, 0.7)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                raise ValueError(f'the expression does not use "{name}"{hint}')
            hits.add(name)
            continue
        fact = composite.FACTS.get(name)
        if fact is None and name != composite.SCORE:
            raise ValueError(f'"{name}" is no fact')
        if fact is not None and fact.kind == "result":
            values[name] = frozenset(value.split("+"))
        elif fact is not None and fact.kind == "text":
            values[name] = value
        else:
            try:
                values[name] = float(value)
            except ValueError:
                raise ValueError(f"{name} is a number, not {value!r}") from None
    return hits, values


# -- compiling ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Compiler:
    declared: Declarations
    stages: dict[str, Stage]
    problems: list[ConfigProblem] = field(default_factory=list)
    lookers: dict[str, Looker] = field(default_factory=dict)
    expressions: dict[str, expr.Expression] = field(default_factory=dict)

    def problem(self, rule: Rule, message: str, *path: str | int, column: int = 0) -> None:
        origin: Origin | None = rule.spot
        if origin is None:
            self.problems.append(ConfigProblem("", rule.name, message))
        else:
            self.problems.append(
                origin.problem(f"{rule.name}: {message}", *path, column=column)
            )

    def looker(self, rule: Rule) -> Looker | None:
        places = []
        for index, name in enumerate(rule.where):
            found = place(name)
            if found is None:
                self.problem(rule, _no_place(name), "where", index)
            else:
                places.append(found)
        patterns = self._patterns(rule, rule.match, "match")
        unless = self._patterns(rule, rule.unless, "unless")
        listing = None
        if rule.lists or rule.entries:
            holds = {where.holds for where in places}
            if len(holds) > 1:
                self.problem(
                    rule, f"one list cannot hold {' and '.join(sorted(holds))}", "where"
                )
            elif holds:
                listing = self._listing(rule, holds.pop())
        if not places:
            return None
        stage = max(where.stage for where in places)
        return Looker(rule, tuple(places), patterns, unless, listing, stage)

    def _patterns(self, rule: Rule, sources: tuple[str, ...], key: str) -> tuple[Pattern, ...]:
        made: list[Pattern] = []
        for index, source in enumerate(sources):
            try:
                if rule.count is None and key == "match":
                    made += compile_branches(source)
                else:  # counted are matches of the whole; `unless` is looked for in all of a text
                    made.append(compile_pattern(source))
            except PatternError as error:
                self.problem(rule, error.message, key, index, column=error.column)
        return tuple(made)

    def _listing(self, rule: Rule, kind: str) -> Listing:
        entries = list(enumerate(rule.entries))
        listing, wrong = make_listing(kind, entries)
        for index, message in wrong:
            self.problem(rule, message, "in", index)
        if not rule.lists:
            return listing
        base = rule.spot.file.parent if rule.spot is not None else None
        collected = list(entries)
        for index, name in enumerate(rule.lists):
            path = (base / name) if base is not None else None
            if path is None or not path.is_file():
                self.problem(rule, f"there is no file {path or name}", "list", index)
                continue
            read, problems = read_list(path)
            self.problems += problems
            _, wrong = make_listing(kind, read)
            self.problems += [
                ConfigProblem(str(path), f"{line}:1", message) for line, message in wrong
            ]
            collected += read
        return make_listing(kind, collected)[0]

    def composites(self, rules: Mapping[str, Rule]) -> dict[str, Composite]:
        groups = frozenset(self.declared.groups)
        for name, rule in rules.items():
            try:
                self.expressions[name] = expr.parse(rule.when)
            except expr.ExpressionError as error:
                self.problem(rule, error.message, "when", column=error.column)
        known = composite.Known({**self.stages, **dict.fromkeys(rules, Stage.EOM)}, groups)
        for name, expression in self.expressions.items():
            for column, message in composite.check(expression, known):
                self.problem(rules[name], message, "when", column=column)
        needs = {
            name: [term.name for term in expression.names]
            for name, expression in self.expressions.items()
        }
        ordered, circles = composite.order(needs)
        for circle in circles:
            self.problem(rules[circle[0]], f"needs itself: {' -> '.join(circle)}", "when")
        made = {}
        for name in ordered:
            expression = self.expressions[name]
            stage = composite.stage_of(expression, self.stages)
            self.stages[name] = stage
            made[name] = Composite(rules[name], expression, stage)
        return made


def _no_place(name: str) -> str:
    kind, _, rest = name.partition(":")
    if kind == "header" and rest:
        form = rest.partition(":")[2]
        if form not in FORMS:
            return (
                f'"{form}" is no form of a field; there are {", ".join(f for f in FORMS if f)}'
            )
        return f'"{rest}" is no field name'
    near = get_close_matches(name, [*FIXED, "header:"], 1, 0.6)
    hint = (
        f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(FIXED)}, header:X"
    )
    return f'"{name}" is no place to look at{hint}'


def compile_program(
    declared: Declarations, stages: Mapping[str, Stage], *, examples: bool = True
) -> tuple[Program, list[ConfigProblem]]:
    """The program and everything wrong with it; `stages` of the symbols that code hits.

    Examples are tried when nothing else is wrong, unless `examples` is off.
    """
    compiler = _Compiler(declared, dict(stages))
    for name in declared.scores:
        compiler.stages.setdefault(name, Stage.EOM)
    active = {n: rule for n, rule in declared.rules.items() if n not in declared.disabled}
    for name, rule in active.items():
        if rule.when:
            continue
        looker = compiler.looker(rule)
        if looker is not None:
            compiler.lookers[name] = looker
            compiler.stages[name] = looker.stage
    composites = compiler.composites({n: rule for n, rule in active.items() if rule.when})
    program = Program(compiler.lookers, composites)
    forget_worths()
    if examples and not compiler.problems:
        compiler.problems += failing_examples(program)
    return program, compiler.problems


def failing_examples(program: Program) -> list[ConfigProblem]:
    """Every `hit` that does not hit, every `miss` that does."""
    problems: list[ConfigProblem] = []
    for name in (*program.lookers, *program.composites):
        rule = (program.lookers.get(name) or program.composites[name]).rule
        for key, examples in (("hit", rule.hit), ("miss", rule.miss)):
            for index, example in enumerate(examples):
                try:
                    hits = program.try_example(name, example)
                except ValueError as error:
                    message = str(error)
                else:
                    if hits == (key == "hit"):
                        continue
                    text = example.message or example.text
                    verb = "does not hit" if key == "hit" else "hits"
                    message = f"{verb} its own {key} example {text[:60]!r}"
                if rule.spot is not None:
                    problems.append(rule.spot.problem(f"{name}: {message}", key, index))
    return problems


__all__ = ["Action", "Composite", "Looker", "Program", "compile_program", "failing_examples"]

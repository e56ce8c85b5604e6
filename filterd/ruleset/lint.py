"""lint - what is wrong, odd or costly in rule files that do load.

Owns:   Finding, lint; the stage and the cost of each rule as lint shows them.
Not here: mistakes that keep rules from loading (program, source); the command (frontends.cli.rules).
The same files give the same findings in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from fnmatch import fnmatchcase

from filterd.core.errors import ConfigProblem
from filterd.core.stage import Stage
from filterd.ruleset.expr import Name
from filterd.ruleset.program import Looker
from filterd.ruleset.ruleset import RuleSet
from filterd.ruleset.source import Origin

SCANNER_SYMBOLS = ("CHECK_ERROR", "GROUP_CAP", "RULE_LIMIT")  # hit by no check
HEAVY = 5_000  # instructions of an RE2 program; a plain pattern has 20 to 200


class Level(Enum):
    """How much a finding matters; errors keep the rules from loading."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Cost(Enum):
    """What a rule costs on a message that it does not hit."""

    NONE = "none"  # composites and lists: a look-up
    WORD = "word"  # looked for only where one of its words stands
    TEXT = "text"  # the whole text is read for it, with others like it


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of lint."""

    level: Level
    file: str
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.where}" if self.where else self.file
        return f"{place}: {self.level.value}: {self.message}"


def of_problems(problems: Iterable[ConfigProblem]) -> list[Finding]:
    """The findings of rules that did not load."""
    return [Finding(Level.ERROR, p.file, p.where, p.message) for p in problems]


def cost(rules: RuleSet, name: str) -> Cost:
    """What the rule costs on messages that it does not hit."""
    looker = rules.program.lookers.get(name)
    if looker is None or looker.listing is not None:
        return Cost.NONE
    needs_words = all(pattern.needed.words for pattern in looker.patterns)
    return Cost.WORD if needs_words else Cost.TEXT


def stage(rules: RuleSet, name: str) -> str:
    """The SMTP stage at which everything the rule reads is known, lower case; "" for symbols."""
    rule = rules.program.lookers.get(name) or rules.program.composites.get(name)
    if rule is not None:
        return rule.stage.word
    is_imported = rules.imported is not None and name in rules.imported.names
    return Stage.EOM.word if is_imported else ""


def lint(rules: RuleSet, code_symbols: Iterable[str], *, shipped: str = "") -> list[Finding]:
    """Everything odd about rules that load, by file and line.

    `code_symbols` are those that checks can hit. Rules under the folder `shipped` must have examples
    and a description; of others they are only missed.
    """
    linter = _Linter(rules, frozenset(code_symbols), shipped)
    found = [
        *linter.symbols(),
        *linter.shadows(),
        *linter.rules_themselves(),
        *linter.groups(),
        *linter.parts(),
        *linter.imported(),
    ]
    return sorted(set(found), key=_by_place)


def _by_place(finding: Finding) -> tuple[str, int, int, str]:
    line, _, column = finding.where.partition(":")
    at = int(line) if line.isdecimal() else 0
    return finding.file, at, int(column) if column.isdecimal() else 0, finding.message


@dataclass(frozen=True, slots=True)
class _Linter:
    rules: RuleSet
    code: frozenset[str]
    shipped: str

    def say(self, level: Level, origin: Origin, message: str, *path: str | int) -> Finding:
        problem = origin.problem(message, *path)
        return Finding(level, problem.file, problem.where, problem.message)

    def symbols(self) -> Iterator[Finding]:
        """Scores without a symbol, symbols without a score."""
        declared = self.rules.declared
        known = self.code | declared.rules.keys() | self.rules.symbols
        for name in declared.scores:
            if name in known:
                continue
            for origin in declared.origins.get(name, ()):
                near = get_close_matches(name, known, 1, 0.7)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                yield self.say(Level.WARNING, origin, f"{name}: nothing hits this symbol{hint}")
        for name in sorted(self.code - declared.scores.keys()):
            yield Finding(Level.WARNING, "", "", f"{name}: a check hits it, no file scores it")

    def shadows(self) -> Iterator[Finding]:
        """Names that stand for two things, and rules that replace others."""
        declared = self.rules.declared
        for name, rule in declared.rules.items():
            if rule.spot is None:
                continue
            if name in self.code:
                yield self.say(
                    Level.WARNING, rule.spot, f"{name}: a check hits a symbol of this name too"
                )
            earlier = [o for o in declared.origins.get(name, ()) if o.path[0] == "rule"]
            first = earlier[0] if earlier else None
            if first is not None and first != rule.spot:
                yield self.say(Level.NOTE, rule.spot, f"{name}: replaces the rule of {first}")

    def rules_themselves(self) -> Iterator[Finding]:
        declared = self.rules.declared
        for name, rule in declared.rules.items():
            origin = rule.spot
            if origin is None or name in declared.disabled:
                continue
            level = Level.WARNING
            if self.shipped and str(origin.file).startswith(self.shipped):
                level = Level.ERROR
            missing = [key for key in ("hit", "miss") if not getattr(rule, key)]
            if missing:
                yield self.say(level, origin, f"{name}: no {' and no '.join(missing)} example")
            score = declared.scores.get(name)
            if score is not None and not score.describe:
                yield self.say(level, origin, f"{name}: no describe: what will a user read?")
            looker = self.rules.program.lookers.get(name)
            if looker is not None:
                yield from self._patterns(name, looker, origin)

    def _patterns(self, name: str, looker: Looker, origin: Origin) -> Iterator[Finding]:
        written = looker.rule.match  # a pattern may be compiled in several parts
        for index, source in enumerate(written):
            if source in written[:index]:
                message = f"{name}: the same pattern twice"
                yield self.say(Level.WARNING, origin, message, "match", index)
        for pattern in looker.patterns:
            index = written.index(pattern.source) if pattern.source in written else 0
            if pattern.is_in(b"") is not None and looker.rule.count is None:
                message = f"{name}: the pattern matches the empty text, so it always hits"
                yield self.say(Level.WARNING, origin, message, "match", index)
            if pattern.engine.programsize > HEAVY:
                size = pattern.engine.programsize
                message = f"{name}: a pattern of {size:,} instructions; is there a shorter way?"
                yield self.say(Level.NOTE, origin, message, "match", index)

    def groups(self) -> Iterator[Finding]:
        """Groups that are named and not declared, and the reverse."""
        declared = self.rules.declared
        named: dict[str, str] = {}
        for name, score in declared.scores.items():
            if score.group:
                named.setdefault(score.group, name)
        for group, name in named.items():
            origin = declared.origin(name)
            if group not in declared.groups and origin is not None:
                near = get_close_matches(group, declared.groups, 1, 0.7)
                hint = f'; did you mean "{near[0]}"?' if near else ", so it has no cap"
                message = f"{name}: there is no [group.{group}]{hint}"
                yield self.say(Level.WARNING, origin, message, "group")
        for group, origins in declared.group_origins.items():
            if group not in named:
                yield self.say(Level.WARNING, origins[-1], f"nothing is in the group {group}")

    def parts(self) -> Iterator[Finding]:
        """Parts that no composite uses."""
        program = self.rules.program
        used = {
            term.name
            for item in program.composites.values()
            for term in item.expression.walk()
            if isinstance(term, Name)
        }
        globs = [name for name in used if name.endswith("*")]
        for name in sorted(program.parts - used):
            rule = self.rules.declared.rules[name]
            if rule.spot is not None and not any(fnmatchcase(name, glob) for glob in globs):
                message = f"{name}: no composite uses this part"
                yield self.say(Level.WARNING, rule.spot, message)

    def imported(self) -> Iterator[Finding]:
        """What of SpamAssassin's files was not carried over."""
        if self.rules.imported is None:
            return
        for report in self.rules.imported.reports:
            level = Level.NOTE if report.is_note else Level.WARNING
            where = f"{report.line}:1" if report.line else ""
            yield Finding(level, report.file, where, f"{report.name}: {report.reason}")

"""ruleset - the rules in force: scores, patterns, composites; loaded at once or not at all.

Owns:   RuleSet, load, Fingerprint (have the files changed?), differences (what a reload changes).
Not here: what is added up (scan.score), what is done (scan.policy).
Rules of this file: a RuleSet never changes; a reload makes a new one, and files that are wrong in any
        way give a ConfigError with everything wrong in them, so that the running one stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.evidence import Evidence, Hit
from filterd.core.folder import listed
from filterd.core.shipped import shipped
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.message import Message
from filterd.ruleset.composite import Facts, symbols_hit
from filterd.ruleset.program import Program, compile_program
from filterd.ruleset.scores import Group, Score
from filterd.ruleset.settings import RuleSettings
from filterd.ruleset.source import Declarations, read_files

if TYPE_CHECKING:
    from filterd.ruleset.spamassassin.adopt import Imported

Fingerprint = tuple[tuple[str, int, int, int], ...]  # path, inode, size, mtime in ns


class RuleSet:
    """Everything the rule files say, ready to run. Shared by all threads of a worker."""

    def __init__(
        self,
        declared: Declarations,
        program: Program,
        fingerprint: Fingerprint = (),
        imported: Imported | None = None,
    ) -> None:
        self.declared = declared
        self.program = program
        self.fingerprint = fingerprint
        self.imported = imported
        self.scores: Mapping[str, Score] = MappingProxyType(dict(declared.scores))
        self.groups: Mapping[str, Group] = MappingProxyType(dict(declared.groups))
        self._group_of = {name: score.group for name, score in self.scores.items()}
        self._parts: WeakKeyDictionary[Message, frozenset[str]] = WeakKeyDictionary()

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol that a hit of these rules can have."""
        names = {*self.program.lookers, *self.program.composites} - self.program.parts
        if self.imported is not None:
            names |= self.imported.names
        return frozenset(names)

    def match(self, tx: Transaction) -> Iterator[Hit]:
        """Hits of pattern and list rules."""
        parts = []
        for hit in self.program.match(tx):
            if hit.symbol.startswith("_"):
                parts.append(hit.symbol)
            else:
                yield hit
        self._parts[tx.message] = frozenset(parts)
        if self.imported is not None:
            yield from self.imported.match(tx)

    def compose(self, tx: Transaction, points: Mapping[str, float]) -> Iterator[Evidence]:
        """Hits of composites over the evidence so far, and the actions that rules ask for.

        `points` are the points by symbol of the evidence so far; "" is their sum.
        """
        hits = symbols_hit(tx) | self._parts.get(tx.message, frozenset())
        return self.program.compose(tx, Facts(tx, hits, points, self._group_of))

    @property
    def summary(self) -> str:
        """One line for the log and for status."""
        program = self.program
        lists = sum(looker.listing is not None for looker in program.lookers.values())
        return (
            f"{len(program.lookers) - lists} pattern rules, {lists} list rules, "
            f"{len(program.composites)} composites, {len(self.scores)} scores"
            f"{f', {self.imported.summary}' if self.imported is not None else ''}"
        )

    def has_changed(self, settings: RuleSettings) -> bool:
        """Whether the files differ from those this set was made of."""
        return fingerprint_of(watched_files(settings), self.declared) != self.fingerprint


def rule_files(settings: RuleSettings) -> list[Path]:
    """The rule files in the order in which they are read: shipped ones first, each folder by name."""
    folders = [shipped("rules")] if settings.shipped else []
    folders.append(settings.directory)
    return [path for folder in folders for path in listed(folder, ".toml")]


def watched_files(settings: RuleSettings) -> list[Path]:
    """The rule files, and those of SpamAssassin, in the order in which they are read."""
    return [*rule_files(settings), *cf_files(settings.spamassassin)]


def cf_files(paths: Iterable[Path]) -> list[Path]:
    """The .cf files of files and folders; those of a folder by name."""
    found: list[Path] = []
    for path in paths:
        found += listed(path, ".cf") if path.is_dir() else [path]
    return found


def list_files(declared: Declarations) -> list[Path]:
    """The list files that the rules name."""
    return sorted(
        {
            rule.spot.file.parent / name
            for rule in declared.rules.values()
            if rule.spot is not None
            for name in rule.lists
        }
    )


def fingerprint_of(files: Iterable[Path], declared: Declarations) -> Fingerprint:
    """What tells one state of these files from another."""
    found = []
    for path in (*files, *list_files(declared)):
        try:
            stat = path.stat()
        except OSError:
            found.append((str(path), 0, -1, 0))
        else:
            found.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def load(
    settings: RuleSettings | None = None, *, symbols: Mapping[str, Stage] | None = None
) -> RuleSet:
    """Read, compile and try the rules; ConfigError with every problem otherwise.

    `symbols` are those that checks can hit, with their stages; without, those with a score count.
    """
    settings = settings or RuleSettings()
    declared = Declarations()
    fingerprint = fingerprint_of(watched_files(settings), declared)
    read_files(rule_files(settings), declared, max_rules=settings.max_rules)
    fingerprint += fingerprint_of((), declared)
    imported, missing = _import(settings, declared)
    program, problems = compile_program(declared, symbols or {})
    problems = [*declared.problems, *missing, *problems]
    if problems:
        raise ConfigError(sorted(problems, key=_by_place))
    return RuleSet(declared, program, fingerprint, imported)


def _import(
    settings: RuleSettings, into: Declarations
) -> tuple[Imported | None, list[ConfigProblem]]:
    """SpamAssassin's files, and those that are not there."""
    if not settings.spamassassin:
        return None, []
    from filterd.ruleset.spamassassin.adopt import adopt  # takes PCRE2 along

    missing = [
        ConfigProblem("rules", "spamassassin", f"there is no file or folder {path}")
        for path in settings.spamassassin
        if not path.exists()
    ]
    found = adopt(
        cf_files(settings.spamassassin),
        into,
        scale=settings.spamassassin_scale,
        steps=settings.backtrack_steps,
        shipped=shipped("rules"),
    )
    if len(into.rules) + len(found.program.rules) > settings.max_rules:
        missing.append(
            ConfigProblem("rules", "max_rules", f"more than {settings.max_rules:,} rules")
        )
    return found, missing


def _by_place(problem: ConfigProblem) -> tuple[str, int, int, str]:
    line, _, column = problem.where.partition(":")
    at = int(line) if line.isdecimal() else 0
    return problem.file, at, int(column) if column.isdecimal() else 0, problem.message


@dataclass(frozen=True, slots=True)
class Differences:
    """What one rule set has that another has not."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        parts = []
        for word in ("added", "removed", "changed"):
            names = getattr(self, word)
            if names:
                more = f" and {len(names) - 8} more" if len(names) > 8 else ""
                parts.append(f"{len(names)} {word}: {', '.join(names[:8])}{more}")
        return "; ".join(parts) or "nothing changed"


def differences(old: RuleSet, new: RuleSet) -> Differences:
    """What a reload changes, in words for one log line."""
    before, after = _described(old), _described(new)
    changed = []
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            first, second = before[name][0], after[name][0]
            scored = f" {first:g} -> {second:g}" if first != second else ""
            changed.append(f"{name}{scored}")
    return Differences(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(changed),
    )


def _described(rules: RuleSet) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    program = rules.program
    for name in {*rules.scores, *program.lookers, *program.composites}:
        score = rules.scores.get(name, Score())
        rule = rules.declared.rules.get(name)
        looker = program.lookers.get(name)
        listed = len(looker.listing) if looker is not None and looker.listing is not None else 0
        is_active = name not in rules.declared.disabled
        said = (
            (rule.where, rule.match, rule.unless, rule.count, rule.when, rule.action)
            if rule
            else ()
        )
        rest = hash((score, said, rule.reply if rule else None, is_active))
        found[name] = (score.points, listed, rest)
    if rules.imported is not None:
        for name, text in rules.imported.described:
            points = found.get(name, (0.0, 0, 0))
            found[name] = (points[0], points[1], hash((points, text)))
    return found

"""adopt - imported rules beside our own: their scores and descriptions in the one table of symbols.

Owns:   Imported (what the rule set holds of them), adopt, GROUP.
Not here: compiling and matching (program), reading files (source).
Rules of this file: a name that our own files have speaks for ours alone; what an admin's file says about an
        imported rule wins over what came with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.core.evidence import Hit
from filterd.ruleset.program import GAVE_UP
from filterd.ruleset.scores import Group, Score
from filterd.ruleset.spamassassin.program import Program, load

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction
    from filterd.ruleset.source import Declarations
    from filterd.ruleset.spamassassin.source import Report

GROUP = (
    "spamassassin"  # of all imported rules; an admin gives it a cap with [group.spamassassin]
)


@dataclass(frozen=True, slots=True)
class Imported:
    """Imported rules, and which of them are reported."""

    program: Program
    names: frozenset[str]

    def match(self, tx: Transaction) -> Iterator[Hit]:
        """Hits of imported rules; those whose pattern reached a limit share one symbol."""
        found, given_up = self.program.look(tx)
        for name in found:
            if name in self.names:
                yield Hit(name)
        if given_up:
            yield Hit(GAVE_UP, ", ".join(sorted(given_up)[:8]))

    @property
    def reports(self) -> list[Report]:
        """What was not carried over, rule by rule, and what has no meaning here."""
        return self.program.imported.reports

    @property
    def described(self) -> Iterator[tuple[str, str]]:
        """Each rule's name and what it says."""
        for name, rule in self.program.rules.items():
            yield name, f"{rule.kind.value} {rule.header} {rule.is_negated} {rule.text}"

    @property
    def summary(self) -> str:
        """Part of one line for the log and for status."""
        program = self.program
        return f"{len(program.accepted)} of {len(program.rules)} SpamAssassin rules"


def adopt(
    paths: Iterable[Path], into: Declarations, *, scale: float, steps: int, shipped: Path
) -> Imported:
    """Load SpamAssassin's files and add what their rules are worth to the declarations."""
    program = load(paths, steps=steps)
    names: set[str] = set()
    for name, rule in program.rules.items():
        if name not in program.accepted or not program.is_shown(name):
            continue
        said = into.origins.get(name, ())
        if name in into.rules or any(origin.file.is_relative_to(shipped) for origin in said):
            reason = "filterd has a symbol of this name, and uses its own"
            program.imported.report(rule, reason, is_note=True)
            continue
        if name in into.disabled:
            continue
        names.add(name)
        known = into.scores.get(name)
        describe = program.imported.describe.get(name, "")
        if known is None:
            points = round(program.imported.score(name, program.column) * scale, 2)
            into.scores[name] = Score(points, GROUP, describe)
        else:
            into.scores[name] = replace(
                known, group=known.group or GROUP, describe=known.describe or describe
            )
    into.groups.setdefault(GROUP, Group())
    return Imported(program, frozenset(names))

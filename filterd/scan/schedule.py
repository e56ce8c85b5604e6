"""schedule - the enabled checks in one order, and what each stage has to do.

Owns:   Plan. Unknown names and cycles are ConfigErrors at start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from filterd.core.check import Check, CheckSettings, no_facts, no_questions
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.stage import Stage

EVERYTHING = "*"  # in `after`: behind all checks that do not say so themselves


class Step(NamedTuple):
    """One check at one stage."""

    check: Check
    settings: CheckSettings
    is_once: bool  # not where it has run before in the transaction
    # Whose facts are to be fetched before it runs.
    announcing: tuple[tuple[Check, CheckSettings], ...] = ()


class Plan:
    """What runs for one profile: checks in order, with their settings. Immutable."""

    __slots__ = ("_asking", "_steps", "by_name", "checks", "settings")

    def __init__(
        self, checks: tuple[Check, ...], settings: Mapping[str, CheckSettings]
    ) -> None:
        self.checks = checks
        self.settings = settings
        self.by_name = {check.name: check for check in checks}
        asking = [c for c in checks if c.questions is not no_questions]
        self._asking = {
            s: tuple((c, settings[c.name]) for c in asking if c.stage is s) for s in Stage
        }
        self._steps = tuple(tuple(self._steps_at(stage)) for stage in Stage)

    def asking(self, stage: Stage) -> tuple[tuple[Check, CheckSettings], ...]:
        """Checks whose questions go out at that stage, with their settings."""
        return self._asking[stage]

    def steps(self, stage: Stage) -> tuple[Step, ...]:
        """What runs at that stage, in order."""
        return self._steps[stage]

    def _steps_at(self, stage: Stage) -> Iterator[Step]:
        """The checks that may answer, each behind those it builds on whose facts are there already."""
        wanted: set[str] = set()
        for check in reversed(self.checks):  # whoever builds on others stands behind them
            if stage in check.runs or check.name in wanted:
                wanted.add(check.name)
                wanted.update(o.name for o in self.checks if _builds_on(check, o, stage))
        running = [check for check in self.checks if check.name in wanted]
        announcing = [c for c in running if c.facts is not no_facts and stage is Stage.RCPT]
        for check in running:
            settings = self.settings[check.name]
            is_once = stage not in check.runs or check.runs == {Stage.EOM}
            if announcing and check is announcing[0]:
                every = tuple((c, self.settings[c.name]) for c in announcing)
                yield Step(check, settings, is_once, every)
            else:
                yield Step(check, settings, is_once)

    @property
    def stages(self) -> frozenset[Stage]:
        """Stages at which some check may answer (milter negotiation)."""
        return frozenset(stage for check in self.checks for stage in check.runs)

    def without(self, names: Iterable[str]) -> Plan:
        left_out = frozenset(names)
        kept = tuple(check for check in self.checks if check.name not in left_out)
        return Plan(kept, self.settings)


def _builds_on(check: Check, other: Check, stage: Stage) -> bool:
    """Whether `other` is to have run; for "*" all that do not say so themselves."""
    if other.stage > stage:
        return False
    return other.name in check.after or (
        EVERYTHING in check.after and EVERYTHING not in other.after
    )


def plan(checks: Iterable[Check], settings: Mapping[str, CheckSettings]) -> Plan:
    """Return the enabled checks in an order that honours `after`, stable in catalogue order.

    An `after` that names a check which is switched off is satisfied; one that names no check at
    all, or a cycle, is a ConfigError.
    """
    every = tuple(checks)
    known = {check.name for check in every}
    problems = [
        ConfigProblem("", f"checks.{check.name}", f'runs after "{name}", which is no check')
        for check in every
        for name in check.after
        if name not in known and name != EVERYTHING
    ]
    if problems:
        raise ConfigError(problems)
    enabled = [c for c in every if settings.get(c.name, c.settings()).enabled]
    last = [c for c in enabled if EVERYTHING in c.after]
    waiting = [c for c in enabled if EVERYTHING not in c.after] + last
    names = {c.name for c in waiting}
    others = names - {c.name for c in last}
    done: set[str] = set()
    order: list[Check] = []
    while waiting:
        for check in waiting:
            needs = (set(check.after) & names) | (others if check in last else set())
            if needs - {EVERYTHING} <= done:
                break
        else:
            stuck = ", ".join(c.name for c in waiting)
            raise ConfigError(
                [ConfigProblem("", "checks", f"these wait for each other: {stuck}")]
            )
        waiting.remove(check)
        order.append(check)
        done.add(check.name)
    return Plan(tuple(order), {c.name: settings.get(c.name, c.settings()) for c in every})

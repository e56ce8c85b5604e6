"""rules - `filterd rules lint|test|list|show`: are the rules right, what is in force, and from where.

Owns:   these commands, and the group with those of weigh (stats, replay, fit). What they say is made in ruleset (lint, program); here it is printed.
Exit status: 0 in order, 1 the answer is no (lint found something, an example fails), 2 wrong usage.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filterd.core.errors import ConfigError
from filterd.core.stage import Stage
from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    fail,
    json_option,
    pass_context,
    print_json,
)
from filterd.frontends.cli.weigh import fit, replay, stats

if TYPE_CHECKING:
    from filterd.ruleset import RuleSet
    from filterd.ruleset.settings import RuleSettings
    from filterd.ruleset.spamassassin.source import Rule as Imported

FOLDER = click.Path(exists=True, path_type=Path)


@click.group()
def rules() -> None:
    """Look at the rules: are they right, what do they say, what would a change do."""


for command in (stats, replay, fit):
    rules.add_command(command)


def _settings(context: Context, path: Path | None) -> RuleSettings:
    """The settings of [rules], with another folder for the admin's files where one is given."""
    settings: RuleSettings = context.settings.rules
    return settings if path is None else settings.model_copy(update={"directory": path})


def _code_symbols(context: Context) -> Mapping[str, Stage]:
    from filterd.ruleset.lint import SCANNER_SYMBOLS

    found = dict.fromkeys(SCANNER_SYMBOLS, Stage.EOM)
    for check in context.app.checks():
        found |= dict.fromkeys(check.symbols, check.stage)
    return found


def _load(context: Context, path: Path | None) -> RuleSet:
    from filterd.ruleset import load

    return load(_settings(context, path), symbols=_code_symbols(context))


@rules.command()
@click.argument("folder", required=False, type=FOLDER)
@click.option("--strict", is_flag=True, help="Exit 1 for warnings too.")
@click.option("-v", "--verbose", is_flag=True, help="Notes, and each rule's stage and cost.")
@json_option
@pass_context
def lint(
    context: Context, folder: Path | None, strict: bool, verbose: bool, as_json: bool
) -> int:
    """Check every rule file, run every example, report everything found.

    FOLDER takes the place of rules.directory. Each finding is FILE:LINE:COLUMN: LEVEL: what.
    """
    from filterd.core.shipped import shipped
    from filterd.ruleset.lint import Level, lint, of_problems

    loaded: RuleSet | None = None
    try:
        loaded = _load(context, folder)
    except ConfigError as error:
        findings = of_problems(error.problems)
    else:
        findings = lint(loaded, _code_symbols(context), shipped=str(shipped("rules")))
    errors = sum(f.level is Level.ERROR for f in findings)
    warnings = sum(f.level is Level.WARNING for f in findings)
    if as_json:
        entries = [
            {"level": f.level.value, "file": f.file, "where": f.where, "message": f.message}
            for f in findings
        ]
        print_json({"ok": not errors, "findings": entries, "rules": _table(loaded)}, indent=2)
    else:
        for finding in findings:
            if verbose or finding.level is not Level.NOTE:
                click.echo(str(finding))
        if verbose and loaded is not None:
            for row in (row for row in _table(loaded) if row["cost"]):
                click.echo(f"{row['name']:32} {row['kind']:9} {row['stage']:8} {row['cost']}")
        summary = loaded.summary if loaded is not None else "the rules do not load"
        click.echo(f"{summary}; {errors} errors, {warnings} warnings", err=True)
    return EXIT_NO if errors or (strict and warnings) else EXIT_OK


@rules.command()
@click.argument("names", nargs=-1)
@click.option("--folder", type=FOLDER, help="In place of rules.directory.")
@json_option
@pass_context
def test(context: Context, names: tuple[str, ...], folder: Path | None, as_json: bool) -> int:
    """Try the examples of all rules, or of those named."""
    from filterd.ruleset.program import compile_program, failing_examples
    from filterd.ruleset.ruleset import rule_files
    from filterd.ruleset.source import Declarations, read_files

    declared = Declarations()
    settings = _settings(context, folder)
    read_files(rule_files(settings), declared, max_rules=settings.max_rules)
    program, problems = compile_program(declared, _code_symbols(context), examples=False)
    if declared.problems or problems:
        raise ConfigError([*declared.problems, *problems])
    known = {*program.lookers, *program.composites}
    unknown = [name for name in names if name not in known]
    if unknown:
        fail(f"there is no rule {', '.join(unknown)}")
    chosen = [name for name in known if not names or name in names]
    failures = [p for p in failing_examples(program) if _is_of(p.message, chosen)]
    tried = sum(len(r.hit) + len(r.miss) for n, r in declared.rules.items() if n in chosen)
    if as_json:
        print_json(
            {
                "ok": not failures,
                "rules": len(chosen),
                "examples": tried,
                "failures": [str(problem) for problem in failures],
            },
            indent=2,
        )
    else:
        for problem in failures:
            click.echo(f"{problem.file}:{problem.where}: {problem.message}")
        click.echo(f"{len(chosen)} rules, {tried} examples, {len(failures)} fail", err=True)
    return EXIT_NO if failures else EXIT_OK


def _is_of(message: str, names: list[str]) -> bool:
    return message.partition(":")[0] in names


@rules.command("list")
@click.argument("pattern", default="*")
@click.option("--origin", is_flag=True, help="Say which files set each rule and score.")
@json_option
@pass_context
def list_(context: Context, pattern: str, origin: bool, as_json: bool) -> int:
    """List rules and scored symbols whose names match PATTERN (such as 'DKIM_*')."""
    from fnmatch import fnmatchcase

    loaded = _load(context, None)
    rows = [row for row in _table(loaded) if fnmatchcase(row["name"], pattern)]
    if as_json:
        print_json(rows, indent=2)
        return EXIT_OK if rows else EXIT_NO
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        state = "off" if row["disabled"] else "shadow" if row["shadow"] else f"{row['score']:g}"
        line = f"{row['name']:{width}} {state:>7} {row['kind']:9} {row['group']:12}"
        tail = " < ".join(reversed(row["origins"])) if origin else row["describe"]
        click.echo(f"{line} {tail}".rstrip())
    return EXIT_OK if rows else EXIT_NO


@rules.command()
@click.argument("name")
@json_option
@pass_context
def show(context: Context, name: str, as_json: bool) -> int:
    """Show one rule or symbol: what it looks for, what it counts, which files say so."""
    loaded = _load(context, None)
    rows = {row["name"]: row for row in _table(loaded)}
    if name not in rows:
        from filterd.ruleset.source import did_you_mean

        fail(f"there is no rule or symbol {name}{did_you_mean(name, rows)}", EXIT_NO)
    row = rows[name]
    rule = loaded.declared.rules.get(name)
    if rule is not None:
        row |= {
            "where": list(rule.where),
            "match": list(rule.match),
            "unless": list(rule.unless),
            "when": rule.when,
            "lists": list(rule.lists),
            "action": rule.action.value if rule.action else "",
            "reply": str(rule.reply) if rule.reply else "",
            "hit": [example.message or example.text for example in rule.hit],
            "miss": [example.message or example.text for example in rule.miss],
        }
    elif loaded.imported is not None and name in loaded.imported.names:
        each = loaded.imported.program.rules[name]
        row |= {"where": [each.header or each.kind.value], "match": [each.text]}
    if as_json:
        print_json(row, indent=2)
        return EXIT_OK
    for key, value in row.items():
        if value in ("", [], False):
            continue
        values = value if isinstance(value, list) else [value]
        for number, item in enumerate(values):
            click.echo(f"{key if number == 0 else '':9} {item}")
    return EXIT_OK


def _table(loaded: RuleSet | None) -> list[dict[str, Any]]:
    """One row for each rule and each scored symbol."""
    if loaded is None:
        return []
    from filterd.ruleset.lint import cost, stage
    from filterd.ruleset.scores import Score

    rows = []
    declared = loaded.declared
    origins = {n: [str(o) for o in found] for n, found in declared.origins.items()}
    imported: Mapping[str, Imported] = {}
    if loaded.imported is not None:
        found = loaded.imported.program.rules
        imported = {name: found[name] for name in loaded.imported.names}
        for name, each in imported.items():
            origins[name] = [f"{each.file}:{each.line}", *origins.get(name, ())]
    for name in sorted({*declared.rules, *declared.scores}):
        rule = declared.rules.get(name)
        score = declared.scores.get(name, Score())
        kind = "symbol"
        if rule is not None:
            kind = "composite" if rule.when else "pattern" if rule.match else "list"
        elif name in imported:
            kind = imported[name].kind.value
        rows.append(
            {
                "name": name,
                "kind": kind,
                "score": score.points,
                "group": score.group,
                "describe": score.describe,
                "shadow": score.shadow,
                "disabled": name in declared.disabled,
                "stage": stage(loaded, name),
                "cost": cost(loaded, name).value if rule is not None else "",
                "origins": origins.get(name, []),
            }
        )
    return rows

"""weigh - `filterd rules stats|replay|fit`: what rules did, what changed ones would do, what they should count.

Owns:   these commands. What they say is made in ruleset.stats, scan.replay and ruleset.fit.
Exit status: 0 done, 1 nothing to look at (replay: some mail would fare otherwise), 2 wrong usage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filterd.core.verdict import Action
from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    fail,
    json_option,
    open_history,
    pass_context,
    print_json,
)
from filterd.frontends.cli.history import moment

if TYPE_CHECKING:
    from filterd.config.settings import FilterSettings
    from filterd.ruleset import RuleSet
    from filterd.ruleset.fit import Case, Proposed
    from filterd.ruleset.stats import Usage
    from filterd.scan.scanner import Scanner

_path = click.Path(path_type=Path, exists=True)
since_option = click.option(
    "--since", default="7d", show_default=True, metavar="WHEN", help='"2h", "7d", "2026-11-20".'
)


@click.command()
@since_option
@click.option("--unused", is_flag=True, help="Only what never hit.")
@json_option
@pass_context
def stats(context: Context, since: str, unused: bool, as_json: bool) -> int:
    """Count what each rule and symbol did to recorded mail.

    Spam is what was tagged, held or refused then. "decided" counts messages that would have passed without it,
    "beside" names the symbol that most often hits the same mail.
    """
    from filterd.core.clock import SystemClock
    from filterd.ruleset.stats import usage

    rules: RuleSet = context.app.load_rules(context.settings)
    start = moment(since, SystemClock().now(), "--since")
    with open_history(context) as store:
        found = usage(store.replay(start))
    rows = [row for row in _usage_rows(found, rules) if not unused or not row["hits"]]
    if as_json:
        print_json({"spam": found.spam, "ham": found.ham, "symbols": rows}, indent=2)
    else:
        _show_usage(rows)
        click.echo(f"{found.spam + found.ham} messages, {found.spam} of them spam", err=True)
    return EXIT_OK if found.spam + found.ham else EXIT_NO


def _usage_rows(found: Usage, rules: RuleSet) -> list[dict[str, Any]]:
    from filterd.ruleset.lint import cost
    from filterd.ruleset.stats import Tally

    rows = []
    for name in {*rules.scores, *found.tallies} - rules.declared.disabled:
        tally = found.tallies.get(name, Tally())
        beside, share = tally.overlap
        score = rules.scores.get(name)
        rows.append(
            {
                "name": name,
                "score": score.points if score is not None else 0.0,
                "hits": tally.hits,
                "spam_percent": round(100 * tally.spam / max(found.spam, 1), 2),
                "ham_percent": round(100 * tally.ham / max(found.ham, 1), 2),
                "mean_points": round(tally.points / max(tally.hits, 1), 2),
                "decided": tally.decided,
                "beside": beside,
                "beside_percent": round(100 * share, 1),
                "cost": cost(rules, name).value if name in rules.declared.rules else "",
            }
        )
    return sorted(rows, key=lambda row: (-row["hits"], row["name"]))


def _show_usage(rows: Iterable[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for title in ("symbol", "hits", "spam %", "ham %", "points", "decided", "beside", "cost"):
        is_text = title in {"symbol", "beside", "cost"}
        table.add_column(
            title, justify="left" if is_text else "right", no_wrap=title == "symbol"
        )
    for row in rows:
        beside = f"{row['beside']} {row['beside_percent']:.0f} %" if row["beside"] else ""
        table.add_row(
            row["name"], str(row["hits"]), f"{row['spam_percent']:.2f}",
            f"{row['ham_percent']:.2f}", f"{row['mean_points']:+.2f}", str(row["decided"]),
            beside, row["cost"],
        )  # fmt: skip
    console().print(table)


@click.command()
@click.option(
    "--rules", "folder", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The changed rules: a folder in place of rules.directory.",
)  # fmt: skip
@since_option
@click.argument("paths", nargs=-1, type=_path, metavar="[MESSAGES]...")
@json_option
@pass_context
def replay(
    context: Context, folder: Path, since: str, paths: tuple[Path, ...], as_json: bool
) -> int:
    """Say whose mail would fare otherwise under changed rules, before they are switched on.

    Without MESSAGES (files, or folders of them) the recorded evidence of past mail is judged anew. It has hits and
    results, no bodies: rules that must see the message are named, for those MESSAGES are needed.
    """
    changed = context.settings.model_copy(
        update={"rules": context.settings.rules.model_copy(update={"directory": folder})}
    )
    found = (
        list(_messages_anew(context, changed, paths))
        if paths
        else _records_anew(context, changed, since)
    )
    if as_json:
        for row in found:
            print_json(row)
    else:
        for row in found:
            reason = f"  {row['because']}" if row["because"] else ""
            click.echo(
                f"{row['change']:10} {row['before']} -> {row['after']} "
                f"({row['score_before']:.2f} -> {row['score_after']:.2f})  {row['message']}{reason}"
            )
        counts = [f"{sum(r['change'] == word for r in found)} {word}" for word in CHANGES]
        click.echo(", ".join(counts), err=True)
    return EXIT_NO if found else EXIT_OK


CHANGES = ("rejected", "tagged", "released", "other")
_HARSH = frozenset({Action.REJECT, Action.DISCARD, Action.QUARANTINE})


def _change(before: Action, after: Action) -> str:
    """Newly rejected, tagged, released; or between two of a kind."""
    if after in _HARSH and before not in _HARSH:
        return "rejected"
    if after is Action.TAG:
        return "tagged"
    return "released" if after is Action.ACCEPT else "other"


def _records_anew(
    context: Context, changed: FilterSettings, since: str
) -> list[dict[str, Any]]:
    from filterd.core.clock import SystemClock
    from filterd.scan.replay import needs_messages, rejudge

    old: RuleSet = context.app.load_rules(context.settings)
    new: RuleSet = context.app.load_rules(changed)
    unknown = needs_messages(old, new)
    if unknown:
        names = ", ".join(unknown[:8]) + (
            f" and {len(unknown) - 8} more" if unknown[8:] else ""
        )
        click.echo(f"records cannot tell whether these hit: {names}", err=True)
    start = moment(since, SystemClock().now(), "--since")
    rows = []
    number = 0
    with open_history(context) as store:
        for record in store.replay(start):
            number += 1
            outcome = rejudge(record, old, new)
            if outcome is None:
                continue
            before = outcome.before
            rows.append(
                {
                    "change": _change(before, outcome.action),
                    "before": before.value,
                    "after": outcome.action.value,
                    "score_before": record.score,
                    "score_after": outcome.score,
                    "message": f"{record.queue_id or record.why_id} {record.sender or '<>'}",
                    "because": outcome.decisive,
                }
            )
    click.echo(f"{number} records", err=True)
    return rows


def _messages_anew(
    context: Context, changed: FilterSettings, paths: tuple[Path, ...]
) -> Iterator[dict[str, Any]]:
    with (
        context.app.build_scanner(context.settings, no_dns=True, state="none") as old,
        context.app.build_scanner(changed, no_dns=True, state="none") as new,
    ):
        for path in _files(paths):
            before, after = _scan(old, path), _scan(new, path)
            first, second = before.would or before.action, after.would or after.action
            if first is not second:
                yield {
                    "change": _change(first, second),
                    "before": first.value,
                    "after": second.value,
                    "score_before": before.score,
                    "score_after": after.score,
                    "message": str(path),
                    "because": after.decisive,
                }


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file())
        else:
            yield path


def _scan(scanner: Scanner, path: Path) -> Any:
    from filterd.scan.submit import submission

    return scanner.scan(submission(path.read_bytes()))


@click.command()
@click.option(
    "--spam",
    multiple=True,
    required=True,
    type=_path,
    metavar="PATH",
    help="Spam; may be repeated.",
)
@click.option(
    "--ham",
    multiple=True,
    required=True,
    type=_path,
    metavar="PATH",
    help="Ham; may be repeated.",
)
@click.option(
    "--write", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the proposal there, such as /etc/filterd/rules.d/90-fitted.toml.",
)  # fmt: skip
@json_option
@pass_context
def fit(
    context: Context,
    spam: tuple[Path, ...],
    ham: tuple[Path, ...],
    write: Path | None,
    as_json: bool,
) -> int:
    """Propose scores from labelled mail (files, or folders of them), DNS not asked.

    A symbol keeps its sign, false positives weigh ten times, and none is worth more than 60 % of the tag threshold.
    Precision and recall are those of messages that the scores were not fitted on. Only --write writes.
    """
    from filterd.ruleset.fit import as_toml
    from filterd.ruleset.fit import fit as fitted

    rules: RuleSet = context.app.load_rules(context.settings)
    current = {
        name: score.points
        for name, score in rules.scores.items()
        if not score.shadow
        and score.group != "classifier"  # it knows this mail, or would learn it
    }
    tag = context.settings.thresholds.tag
    cases = list(_cases(context, current, spam, ham))
    try:
        found = fitted(cases, current, tag)
    except ValueError as error:
        fail(str(error), EXIT_NO)
    _show_fit(found, current, len(cases), as_json=as_json)
    if write is not None:
        write.write_text(as_toml(found.scores))
        click.echo(f"written: {write}", err=True)
    return EXIT_OK


def _cases(
    context: Context, current: dict[str, float], spam: tuple[Path, ...], ham: tuple[Path, ...]
) -> Iterator[Case]:
    from filterd.ruleset.fit import Case

    with context.app.build_scanner(context.settings, no_dns=True, state="none") as scanner:
        for is_spam, paths in ((True, spam), (False, ham)):
            for path in _files(paths):
                weights = {
                    hit.symbol: hit.points / current[hit.symbol]
                    for hit in _scan(scanner, path).hits
                    if current.get(hit.symbol)
                }
                yield Case(weights, is_spam)


def _show_fit(
    found: Proposed, current: dict[str, float], number: int, *, as_json: bool
) -> None:
    quality = {
        word: {
            "precision": round(each.precision, 4),
            "recall": round(each.recall, 4),
            "false_positives": each.false_positives,
        }
        for word, each in (("before", found.before), ("after", found.after))
    }
    if as_json:
        rows = {n: {"before": current[n], "after": s} for n, s in sorted(found.scores.items())}
        print_json({"messages": number, **quality, "scores": rows}, indent=2)
        return
    for name, score in sorted(found.scores.items()):
        click.echo(f"{name:32} {current[name]:+6.2f} -> {score:+6.2f}")
    for word, each in quality.items():
        click.echo(
            f"{word:6} precision {100 * each['precision']:.2f} %, recall {100 * each['recall']:.2f} %, "
            f"{each['false_positives']} false positives of {number} messages"
        )

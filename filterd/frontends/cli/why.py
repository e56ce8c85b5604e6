"""why - `filterd why ID`: everything about one past verdict, by queue-id or why-id.

Owns:   the command and how a verdict is told: decision, what would have turned it, stages in order with
        each check's hits and time, authentication, classifier words.
Exit status: 0 found, 1 no such verdict.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from filterd.core.stage import Stage
from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    json_option,
    open_history,
    pass_context,
    print_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.table import Table

    from filterd.core.check import Check
    from filterd.core.history import VerdictRecord
    from filterd.core.stores import HistoryStore
    from filterd.core.verdict import ScoredHit

MOST_WORDS = 12  # of the classifier, strongest first
FINAL = "verdict"  # the place of hits that no check declares: rules' caps, software failures


@click.command()
@click.argument("identifier", metavar="ID")
@json_option
@pass_context
def why(context: Context, identifier: str, as_json: bool) -> int:
    """Tell everything about one past verdict, by queue-id or why-id.

    What was decided and by what, the smallest change that would have turned it, every stage with its
    checks, points and reasons, and where the time went.
    """
    from filterd.scan.report import plain_record

    with open_history(context) as history:
        record = find(history, identifier)
    if record is None:
        click.echo(f"filterd: no verdict {identifier} is recorded", err=True)
        return EXIT_NO
    if as_json:
        print_json(plain_record(record), indent=2)
    else:
        tell(console(), record, context.app.checks())
    return EXIT_OK


def find(history: HistoryStore, identifier: str) -> VerdictRecord | None:
    """The verdict of that id, as it stands in a reply, a log line or a header."""
    wanted = identifier.strip().strip("()<>").removeprefix("why").strip(" =:")
    return history.find(wanted) or history.find(wanted.upper())


def tell(out: Console, record: VerdictRecord, checks: Iterable[Check]) -> None:
    """The whole story, for a person."""
    from rich.markup import escape

    from filterd.frontends.cli.scan import STYLES
    from filterd.scan.explain import turning

    when = datetime.fromtimestamp(record.at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    style = STYLES[record.action]
    queue = f"{record.queue_id}, " if record.queue_id else ""
    out.print(
        f"[{style} bold]{record.action.value}[/]  {escape(queue)}why {escape(record.why_id)}, {when}"
    )
    if record.would is not None:
        out.print(f"  observe mode: would have been [bold]{record.would.value}[/]")
    for label, text in _facts(record):
        out.print(f"  {label:<11} {escape(text)}")
    out.print(
        f"  {'decided by':<11} [bold]{escape(record.decisive or 'nothing: no threshold was reached')}[/]"
    )
    out.print(f"  {'to turn it':<11} {escape(turning(record))}")
    out.print()
    _tell_stages(out, record, checks)
    for result in record.auth_results:
        properties = " ".join(f"{p.ptype}.{p.name}={p.value}" for p in result.properties)
        said = f"{result.method}={result.result} {properties}".rstrip()
        aside = "; ".join(part for part in (result.reason, result.comment) if part)
        out.print(f"  {escape(said)}" + (f"  [dim]{escape(aside)}[/]" if aside else ""))
    for failure in record.failures:
        out.print(f"  [yellow]not known[/]  {escape(failure)}")
    _tell_words(out, record.hits)


def _facts(record: VerdictRecord) -> Iterable[tuple[str, str]]:
    limits = ", ".join(f"{name} {value:g}" for name, value in record.thresholds)
    more = record.recipient_count - len(record.recipients)
    recipients = ", ".join(f"<{r}>" for r in record.recipients) + (
        f" and {more} more" if more > 0 else ""
    )
    client = " ".join(
        part
        for part in (record.client or "local", record.client_name, f"helo {record.helo}" if record.helo else "",
                     record.tls, f"user {record.auth_user}" if record.auth_user else "")
        if part
    )  # fmt: skip
    yield "from", f"<{record.sender}>" + (f" (author {record.author})" if record.author else "")
    yield "to", recipients
    yield "client", client
    if record.subject:
        yield "subject", record.subject
    if record.reply is not None:
        yield "reply", str(record.reply)
    yield "score", f"{record.score:.2f} ({limits}; profile {record.profile})"
    if record.marks:
        yield "marks", " ".join(record.marks)
    if record.delayed:
        yield "held", f"{record.delayed:.1f} s on purpose"
    size = f"{record.size} bytes, " if record.size else ""
    yield "scan", f"{size}{record.milliseconds:.1f} ms, up to {record.stage.upper()}"


def _tell_stages(out: Console, record: VerdictRecord, checks: Iterable[Check]) -> None:
    """Stage by stage in order: the checks that ran, their time, what they hit."""
    from rich.markup import escape
    from rich.table import Table

    owner = {symbol: check.name for check in checks for symbol in check.symbols}
    names = {span.name for span in record.spans}
    by_check: dict[str, list[ScoredHit]] = {}
    for hit in record.hits:
        name = owner.get(hit.symbol, "rule" if "rule" in names else FINAL)
        by_check.setdefault(name if name in names else FINAL, []).append(hit)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for title in ("stage", "check", "ms"):
        table.add_column(title, justify="right" if title == "ms" else "left", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("symbol", no_wrap=True)
    table.add_column("because", overflow="fold")
    shown = ""
    order = {stage.word: stage for stage in Stage}
    spans = sorted(record.spans, key=lambda span: order.get(span.stage, Stage.EOM))
    for span in spans:
        hits = by_check.pop(span.name, [])
        stage = "" if span.stage == shown else span.stage
        shown = span.stage
        _add_rows(table, stage, span.name, f"{span.milliseconds:.1f}", hits)
    for name, hits in by_check.items():
        _add_rows(table, "", name, "", hits)
    table.add_row("", "", "", f"[bold]{record.score:.2f}[/]", escape("sum"), "")
    out.print(table)


def _add_rows(table: Table, stage: str, name: str, ms: str, hits: list[ScoredHit]) -> None:
    from rich.markup import escape

    if not hits:
        table.add_row(escape(stage), f"[dim]{escape(name)}[/]", f"[dim]{ms}[/]", "", "", "")
    for index, hit in enumerate(hits):
        head = (escape(stage), escape(name), ms) if index == 0 else ("", "", "")
        colour = "red" if hit.points > 0 else "green" if hit.points < 0 else "dim"
        said = hit.detail or hit.describe
        table.add_row(
            *head,
            f"[{colour}]{hit.points:+.2f}[/]",
            escape(hit.symbol) + (" (shadow)" if hit.shadow else ""),
            escape(said),
        )


def _tell_words(out: Console, hits: Iterable[ScoredHit]) -> None:
    from rich.markup import escape

    for hit in hits:
        if hit.parts:
            strongest = sorted(hit.parts, key=lambda part: -abs(part[1]))[:MOST_WORDS]
            words = ", ".join(f"{escape(name)} {points:+.2f}" for name, points in strongest)
            out.print(f"  [dim]{escape(hit.symbol)}:[/] {words}")

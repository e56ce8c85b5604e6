"""history - `filterd history`: search the recorded verdicts.

Owns:   the command; times as people write them ("2h", "2026-11-20", "2026-11-20T14:30").
Exit status: 0 something found, 1 nothing, 2 usage.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from filterd.core.settings import parse_duration
from filterd.core.verdict import Action
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

    from filterd.core.history import VerdictRecord

_MOST_SYMBOLS = 4


@click.command()
@click.option(
    "--from", "sender", default="", metavar="ADDRESS|@DOMAIN", help="Reverse-path or author."
)
@click.option("--to", "recipient", default="", metavar="ADDRESS|@DOMAIN", help="A recipient.")
@click.option("--client", default="", metavar="IP", help="The connecting client.")
@click.option("--symbol", default="", metavar="NAME", help="A symbol that was hit.")
@click.option("--action", type=click.Choice([a.value for a in Action]), help="What was done.")
@click.option(
    "--since", default="", metavar="WHEN", help='"2h", "7d", "2026-11-20", "2026-11-20T14:30".'
)
@click.option("--until", default="", metavar="WHEN", help="The same.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@json_option
@pass_context
def history(
    context: Context,
    sender: str,
    recipient: str,
    client: str,
    symbol: str,
    action: str | None,
    since: str,
    until: str,
    limit: int,
    as_json: bool,
) -> int:
    """Search the recorded verdicts; the newest comes first. `filterd why ID` tells all of one."""
    from filterd.core.clock import SystemClock
    from filterd.core.history import VerdictQuery

    now = SystemClock().now()
    query = VerdictQuery(
        sender=sender,
        recipient=recipient,
        client=client,
        symbol=symbol.upper(),
        action=Action(action) if action else None,
        since=moment(since, now, "--since") if since else 0.0,
        until=moment(until, now, "--until") if until else float("inf"),
        limit=limit,
    )
    with open_history(context) as store:
        found = store.search(query)
    if as_json:
        from filterd.scan.report import plain_record

        for record in found:
            print_json(plain_record(record))
    elif found:
        show(found)
    else:
        click.echo("nothing found", err=True)
    return EXIT_OK if found else EXIT_NO


def moment(text: str, now: float, option: str) -> float:
    """Seconds since the epoch of "2h" (ago), a date or a date with time (local unless it says)."""
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f'expected "2h", "2026-11-20" or "2026-11-20T14:30", got "{text}"',
            param_hint=option,
        ) from None


def show(records: Iterable[VerdictRecord]) -> None:
    """A line for each."""
    from rich.markup import escape
    from rich.table import Table

    from filterd.frontends.cli.scan import STYLES

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for title in ("time", "id", "action", "score", "client", "from", "to", "symbols"):
        table.add_column(title, no_wrap=title in {"time", "id", "action"}, overflow="fold",
                         justify="right" if title == "score" else "left")  # fmt: skip
    for record in records:
        strongest = sorted(record.hits, key=lambda h: -abs(h.points))[:_MOST_SYMBOLS]
        more = record.recipient_count - 1
        table.add_row(
            datetime.fromtimestamp(record.at).astimezone().strftime("%m-%d %H:%M:%S"),
            escape(record.queue_id or record.why_id),
            f"[{STYLES[record.action]}]{record.action.value}[/]",
            f"{record.score:.1f}",
            escape(record.client),
            escape(record.sender or "<>"),
            escape(next(iter(record.recipients), "")) + (f" +{more}" if more > 0 else ""),
            escape(" ".join(h.symbol for h in strongest if h.points)),
        )
    console().print(table)

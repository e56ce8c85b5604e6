"""scan - `filterd scan FILE...`: what would become of these messages, and why.

Owns:   the command, its exit status (the worst file's), the table a person reads.
Exit status: 0 accept or tag, 1 reject, quarantine or discard, 75 tempfail or greylist, 2 usage or input.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from filterd.core.verdict import Action, InsertField, Verdict
from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    EXIT_TEMPORARY,
    EXIT_USAGE,
    Context,
    State,
    console,
    fail,
    json_option,
    pass_context,
    print_json,
)
from filterd.limits import LIMITS
from filterd.mail.trace import parse_date
from filterd.scan.report import plain_verdict
from filterd.scan.submit import submission

if TYPE_CHECKING:
    from rich.console import Console

# How much a status outweighs another when several files are scanned: an input error says that
# not all was seen, a refusal is worse news than a delay.
_GRAVITY = (EXIT_OK, EXIT_TEMPORARY, EXIT_NO, EXIT_USAGE)
STYLES = {
    Action.ACCEPT: "green",
    Action.TAG: "yellow",
    Action.GREYLIST: "cyan",
    Action.TEMPFAIL: "cyan",
    Action.QUARANTINE: "magenta",
    Action.REJECT: "red",
    Action.DISCARD: "red",
}


def moment(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """Seconds since the epoch of a date in ISO 8601 (UTC where it names no zone) or RFC 5322."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        found = parse_date(text)
        if found is None:
            raise click.BadParameter(f"{text!r} is no date") from None
        return found
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--client", default="", metavar="IP", help="Address of the connecting client.")
@click.option(
    "--client-name", default="", metavar="NAME", help="Its name as the MTA verified it."
)
@click.option("--helo", default="", metavar="NAME", help="What it said at HELO or EHLO.")
@click.option(
    "--from", "mail_from", default="", metavar="ADDRESS", help='Reverse-path; "" for bounces.'
)
@click.option(
    "--to", "recipients", multiple=True, metavar="ADDRESS", help="Recipient; may be repeated."
)
@click.option("--auth", "auth_user", default="", metavar="USER", help="User who logged in.")
@click.option("--tls", default="", metavar="VERSION", help="TLS version of the session.")
@click.option("--queue-id", default="", metavar="ID", help="Queue-id to report.")
@click.option("--mta-name", default="", metavar="NAME", help="The MTA's own name ({j}).")
@click.option(
    "--zone",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Answer DNS from this zone file (see ZONE FILES in filterd(1)) and from nothing else.",
)
@click.option("--no-dns", is_flag=True, help="Ask no DNS; what needs it is a temperror.")
@click.option(
    "--state",
    type=click.Choice(["none", "memory", "live"]),
    default="none",
    show_default=True,
    help='What greylisting, rates and delays remember with. "none": they stay out, '
    "because a look must not change what it looks at.",
)
@click.option(
    "--at",
    metavar="DATE",
    callback=moment,
    help="Judge as of then, for archived mail whose signatures have expired: 2024-05-01,"
    " 2024-05-01T12:00Z, or a date as in a Received field.",
)
@click.option("--explain", is_flag=True, help="Also show fields and where the time went.")
@json_option
@pass_context
def scan(
    context: Context,
    files: tuple[str, ...],
    client: str,
    client_name: str,
    helo: str,
    mail_from: str,
    recipients: tuple[str, ...],
    auth_user: str,
    tls: str,
    queue_id: str,
    mta_name: str,
    zone: Path | None,
    no_dns: bool,
    state: State,
    at: float | None,
    explain: bool,
    as_json: bool,
) -> int:
    """Scan message files ("-" is standard input) and say what would become of them.

    The same scanner as the milter's: the envelope given by options is played through all stages.
    With --json each file gives one JSON object on a line.
    """
    if zone is not None and no_dns:
        raise click.UsageError("--zone and --no-dns exclude each other")
    statuses = [EXIT_OK]
    with context.app.build_scanner(
        context.settings,
        zone=zone.read_text("utf-8", "surrogateescape") if zone is not None else None,
        no_dns=no_dns,
        state=state,
        at=at,
    ) as scanner:
        for name, raw in _read(files):
            if raw is None:
                statuses.append(EXIT_USAGE)
                continue
            try:
                given = submission(
                    raw,
                    client=client,
                    client_name=client_name,
                    helo=helo,
                    mail_from=mail_from,
                    recipients=recipients,
                    auth_user=auth_user,
                    tls=tls,
                    queue_id=queue_id,
                    mta_name=mta_name,
                )
            except ValueError as error:
                fail(f"--client: {error}")
            verdict = scanner.scan(given)
            statuses.append(exit_status(verdict.action))
            if as_json:
                print_json({"file": name, **plain_verdict(verdict)})
            else:
                show(console(), name, verdict, explain=explain)
    return max(statuses, key=_GRAVITY.index)


def _read(files: tuple[str, ...]) -> Iterator[tuple[str, bytes | None]]:
    """Each file with its bytes; None, and a word on standard error, for what cannot be read."""
    for name in files:
        try:
            if name == "-":
                yield name, sys.stdin.buffer.read(_most())
            else:
                with Path(name).open("rb") as stream:
                    yield name, stream.read(_most())
        except OSError as error:
            click.echo(f"filterd: {name}: {error.strerror or error}", err=True)
            yield name, None


def _most() -> int:
    """Bytes read of a file: enough to know that it is too large, not more than memory has."""
    return max(LIMITS.message_bytes * 4, 64 << 20)


def exit_status(action: Action) -> int:
    """The status a script sees for that action."""
    match action:
        case Action.ACCEPT | Action.TAG:
            return EXIT_OK
        case Action.REJECT | Action.QUARANTINE | Action.DISCARD:
            return EXIT_NO
        case Action.TEMPFAIL | Action.GREYLIST:
            return EXIT_TEMPORARY
        case _:
            assert_never(action)


def show(out: Console, name: str, verdict: Verdict, *, explain: bool = False) -> None:
    """The verdict for a person: the decision, then what it is made of."""
    from rich.markup import escape
    from rich.table import Table

    limits = ", ".join(f"{word} {value:g}" for word, value in verdict.thresholds)
    style = STYLES[verdict.action]
    out.print(
        f"[bold]{escape(name)}[/]: [{style} bold]{verdict.action.value}[/] "
        f"score {verdict.score:g}"
        + (f" ({limits})" if limits else "")
        + (f", profile {escape(verdict.profile)}" if verdict.profile != "default" else "")
        + f", why {escape(verdict.why_id)}, {verdict.milliseconds:.1f} ms"
    )
    if verdict.would is not None:
        out.print(f"  would have been: {verdict.would.value} (observe mode)")
    if verdict.reply is not None:
        out.print(f"  reply: {escape(str(verdict.reply))}")
    if verdict.decisive:
        out.print(f"  decided by: {escape(verdict.decisive)}")
    if verdict.hits:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
        table.add_column(justify="right")
        table.add_column()
        table.add_column(overflow="fold")
        for hit in sorted(verdict.hits, key=lambda h: -abs(h.points)):
            colour = "red" if hit.points > 0 else "green" if hit.points < 0 else "dim"
            said = escape(hit.detail or hit.describe) + (" (shadow)" if hit.shadow else "")
            table.add_row(f"[{colour}]{hit.points:+.2f}[/]", escape(hit.symbol), said)
        out.print(table)
    for result in verdict.auth_results:
        properties = " ".join(f"{p.ptype}.{p.name}={p.value}" for p in result.properties)
        reason = f" ({result.reason})" if result.reason else ""
        out.print(
            f"  {escape(f'{result.method}={result.result}{reason} {properties}'.rstrip())}"
        )
    for failure in verdict.failures:
        out.print(f"  [yellow]not known:[/] {escape(failure)}")
    if verdict.marks:
        out.print(f"  marks: {escape(' '.join(verdict.marks))}")
    if explain:
        _show_work(out, verdict)


def _show_work(out: Console, verdict: Verdict) -> None:
    from rich.markup import escape

    for edit in verdict.edits:
        if isinstance(edit, InsertField):
            out.print(f"  + {escape(f'{edit.name}: {edit.value}')}")
        else:
            out.print(f"  * {escape(str(edit))}")
    for span in sorted(verdict.spans, key=lambda s: -s.milliseconds):
        out.print(f"  {span.milliseconds:8.3f} ms  {escape(span.name)} {span.stage}")

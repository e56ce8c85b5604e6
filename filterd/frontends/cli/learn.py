"""learn - `filterd learn spam|ham PATH...`, `forget PATH...`, `unlearn`: labels, in force at once.

Owns:   the commands learn, forget, unlearn; their counts; the options and the progress bar that
        all commands over collections of mail share.
Exit status: 0 done (also when nothing was new), 1 some files could not be read, 2 usage, 75 the
journal cannot be written now.
"""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from filterd.core.clock import SystemClock
from filterd.core.labels import Kind
from filterd.core.settings import parse_duration
from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    fail,
    json_option,
    pass_context,
    print_json,
)

if TYPE_CHECKING:
    from filterd.classify.corpus import Unreadable
    from filterd.classify.learner import Said

T = TypeVar("T")
BATCH = 50  # messages in one transaction: some 0.2 s, then other learners get their turn

paths_argument = click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="PATH...",
)
corpus_path = click.Path(path_type=Path, exists=True)
spam_option = click.option(
    "--spam", multiple=True, type=corpus_path, metavar="PATH", help="Spam; may be given often."
)
ham_option = click.option(
    "--ham", multiple=True, type=corpus_path, metavar="PATH", help="Ham; may be given often."
)
user_option = click.option(
    "--user", default="", help="Who says so; `unlearn --user` takes it back. Default: you."
)


def progress(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """The items, with a progress bar on a terminal's standard error."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    stderr = console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr,
        disable=not stderr.is_terminal,
        transient=True,
    ) as bar:
        yield from bar.track(items, total=total, description=title)


@click.command()
@click.argument("label", type=click.Choice(["spam", "ham", "forget"]))
@paths_argument
@user_option
@click.option("--source", default="", help="Name of the collection; default: the path given.")
@json_option
@pass_context
def learn(
    context: Context,
    label: str,
    paths: tuple[Path, ...],
    user: str,
    source: str,
    as_json: bool,
) -> int:
    """Learn files, folders, Maildirs, mboxes or standard input ("-") as spam or ham.

    Every worker knows within a second. The same message again changes nothing; the last human label
    wins; `forget` undoes.
    """
    return _learn(context, Kind(label), paths, user, source, as_json=as_json)


@click.command()
@paths_argument
@user_option
@json_option
@pass_context
def forget(context: Context, paths: tuple[Path, ...], user: str, as_json: bool) -> int:
    """Undo what was learned of these messages, as if nobody had labelled them."""
    return _learn(context, Kind.FORGET, paths, user, "", as_json=as_json)


@click.command()
@click.option("--user", required=True, help="Whose labels to take back.")
@click.option(
    "--since",
    required=True,
    help='From when: "2026-11-21", "2026-11-21T08:00", or how long ago: "2h", "3d".',
)
@json_option
@pass_context
def unlearn(context: Context, user: str, since: str, as_json: bool) -> int:
    """Take back everything a user said since then (a compromised or careless account)."""
    from filterd.classify import open_learner

    now = SystemClock().now()
    start = moment(since, now)
    settings = context.settings
    touched = open_learner(settings.classifier, settings.state_dir, settings.store).unlearn(
        user, start, now
    )
    if as_json:
        print_json({"user": user, "since": start, "messages": touched})
    else:
        click.echo(f"{touched} message{'s' * (touched != 1)} of {user} unlearned")
    return EXIT_OK


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of a date, or of so long ago; ends the program if it is neither."""
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        fail(f'--since: expected a date such as "2026-11-21T08:00" or "2h", got {text!r}')
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _learn(
    context: Context,
    kind: Kind,
    paths: tuple[Path, ...],
    user: str,
    source: str,
    *,
    as_json: bool,
) -> int:
    from filterd.classify import open_learner
    from filterd.classify.corpus import Unreadable
    from filterd.classify.learner import batches

    missing = [str(path) for path in paths if str(path) != "-" and not path.exists()]
    if missing:
        fail(f"no such file or folder: {', '.join(missing)}")
    settings = context.settings
    learner = open_learner(settings.classifier, settings.state_dir, settings.store)
    failed = Unreadable()
    counts: Counter[str] = Counter()
    said = _said(kind, paths, user or getpass.getuser(), source, failed)
    for batch in batches(progress(said, kind.value), BATCH):
        counts.update(outcome.value for outcome in learner.learn(batch))
    if as_json:
        print_json(
            {
                "label": kind.value,
                "messages": counts.total(),
                **counts,
                "unreadable": [{"path": path, "reason": why} for path, why in failed.paths],
            }
        )
    else:
        parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        click.echo(f"{counts.total()} messages: {parts or 'none found'}")
        for path, why in failed.paths:
            click.echo(f"{path}: {why}", err=True)
    return EXIT_NO if failed.paths else EXIT_OK


def _said(
    kind: Kind, paths: tuple[Path, ...], user: str, source: str, failed: Unreadable
) -> Iterator[Said]:
    from filterd.classify.corpus import messages
    from filterd.classify.learner import Said
    from filterd.mail.message import Message

    clock = SystemClock()
    for one in messages(paths, kind is Kind.SPAM, failed):
        yield Said(
            Message.from_bytes(one.raw),
            kind,
            clock.now(),
            user=user,
            name=one.name,
            source=source or one.source,
        )

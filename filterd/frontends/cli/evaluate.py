"""evaluate - `filterd evaluate`: how good the classifier is on labelled mail.

Owns:   the command; its four ways: the model in force, --cross-validate, --chronological, --online INDEX.
Exit status: 0 measured, 1 measured but some files could not be read, 2 usage or nothing to measure.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    EXIT_USAGE,
    Context,
    console,
    fail,
    json_option,
    pass_context,
    print_json,
)
from filterd.frontends.cli.learn import ham_option, progress, spam_option

if TYPE_CHECKING:
    from filterd.classify.evaluate import Way
    from filterd.classify.metrics import Figures

LABELS = {
    "messages": "messages",
    "spam": "spam",
    "ham": "ham",
    "one_minus_auc_percent": "(1-AUC) %",
    "fp_at_fn_1_percent": "false positives % where 1 % of the spam is missed",
    "fn_at_fp_0_1_percent": "missed spam % where 0.1 % of the ham is called spam",
    "misclassified_spam_percent": "spam below 50 % probability, %",
    "misclassified_ham_percent": "ham from 50 % probability on, %",
    "calibration_error": "calibration error (ECE, 15 bins)",
    "messages_per_second": "messages/s",
}


@click.command()
@spam_option
@ham_option
@click.option(
    "--online",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="INDEX",
    help='Replay a stream: score each message, then learn it. Lines are "spam|ham path".',
)
@click.option(
    "--cross-validate", is_flag=True, help="Train on four fifths, test on the fifth; all five."
)
@click.option(
    "--chronological", is_flag=True, help="Train on the older two thirds, test on the rest."
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="The first N messages only."
)
@json_option
@pass_context
def evaluate(
    context: Context,
    spam: tuple[Path, ...],
    ham: tuple[Path, ...],
    online: Path | None,
    cross_validate: bool,
    chronological: bool,
    limit: int | None,
    as_json: bool,
) -> int:
    """Measure the classifier on labelled mail; nothing is learned or kept.

    Without a way the model in force is measured, as it scans now. PATH is a file, folder, Maildir or mbox.
    """
    if online is not None:
        if spam or ham or cross_validate or chronological:
            fail("--online goes with --limit and --json only")
        return _online(context, online, limit, as_json=as_json)
    if not spam or not ham:
        fail("give --spam PATH and --ham PATH, or --online INDEX")
    if cross_validate and chronological:
        fail("choose one of --cross-validate and --chronological")
    way: Way = "model"
    if cross_validate:
        way = "cross-validate"
    elif chronological:
        way = "chronological"
    return _measure(context, spam, ham, way, limit, as_json=as_json)


def _online(context: Context, index: Path, limit: int | None, *, as_json: bool) -> int:
    from filterd.classify import open_shipped
    from filterd.classify.corpus import index as read_index
    from filterd.classify.online import replay

    stream = list(read_index(index, limit))
    if not stream:
        fail(f'{index}: no line "spam PATH" or "ham PATH"')
    settings = context.settings.classifier
    try:
        replayed = replay(progress(stream, "replaying"), settings, open_shipped(settings))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    _show(replayed.figures, as_json=as_json, without=frozenset({"calibration_error"}))
    return EXIT_OK


def _measure(
    context: Context,
    spam: tuple[Path, ...],
    ham: tuple[Path, ...],
    way: Way,
    limit: int | None,
    *,
    as_json: bool,
) -> int:
    from filterd.classify.corpus import Unreadable, messages, tell_apart
    from filterd.classify.evaluate import measure

    failed = Unreadable()
    stream = chain(messages(spam, True, failed), messages(ham, False, failed))
    settings = context.settings
    figures = measure(
        progress(stream, "reading"),
        settings.classifier,
        settings.state_dir,
        way,
        by_kind=not tell_apart(spam, ham),
        limit=limit,
    )
    if figures.messages == 0:
        fail("no message found", EXIT_USAGE)
    _show(figures, as_json=as_json)
    for path, why in failed.paths:
        click.echo(f"{path}: {why}", err=True)
    return EXIT_NO if failed.paths else EXIT_OK


def _show(figures: Figures, *, as_json: bool, without: frozenset[str] = frozenset()) -> None:
    plain = {key: value for key, value in figures.plain().items() if key not in without}
    if as_json:
        print_json(plain)
        return
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for key, value in plain.items():
        if value is not None:
            shown = f"{value:.4f}" if isinstance(value, float) else str(value)
            table.add_row(key, shown, LABELS[key] if LABELS[key] != key else "")
    console().print(table)

"""retrain - `filterd retrain`: fit the local model anew, measure it, publish it if it does no harm.

Owns:   the command, its summary. The report lies beside the model.
Exit status: 0 published (or it was in force already), 1 measured and not published, 2 usage or too
little mail, 75 the journal cannot be read now.
"""

from __future__ import annotations

import json
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filterd.core.clock import SystemClock
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
from filterd.frontends.cli.learn import ham_option, progress, spam_option

if TYPE_CHECKING:
    from filterd.classify.retrain import Retrained
    from filterd.classify.spill import TrainingSet


@click.command()
@spam_option
@ham_option
@click.option(
    "--report",
    "report_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also write report.html and report.json there.",
)
@click.option("--dry-run", is_flag=True, help="Fit and measure, publish nothing.")
@click.option("--force", is_flag=True, help="Publish even if known ham would be called spam.")
@json_option
@pass_context
def retrain(
    context: Context,
    spam: tuple[Path, ...],
    ham: tuple[Path, ...],
    report_folder: Path | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Fit the local model anew from the label journal, or from the given mail.

    PATH is a file, folder, Maildir or mbox; each PATH is one source, and sources are weighed evenly, so
    give collections one by one. The model is published, and in force in every worker at once, unless
    it would call known ham spam; `filterd model rollback` takes it back.
    """
    from filterd.classify import open_classifier, open_feed
    from filterd.classify.fit import whole_passes
    from filterd.classify.follow import share
    from filterd.classify.report import findings, write
    from filterd.classify.retrain import retrain as run
    from filterd.classify.spill import TrainingSet

    if bool(spam) != bool(ham):
        fail("give both --spam and --ham, or neither (then the label journal is used)")
    started = time.monotonic()
    settings = context.settings
    classifier = open_classifier(
        settings.classifier.model_copy(update={"enabled": True}), settings.state_dir
    )
    assert classifier is not None
    home = classifier.home
    try:
        home.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{home.folder}: {error.strerror}")
    with TrainingSet(home.folder) as examples:
        skipped, position, notes, unreadable = _gather(context, examples, spam, ham)
        feed = open_feed(settings.store)
        looks = 2 * whole_passes(len(examples)) * len(examples)
        steps = iter(progress(range(looks), "fitting", looks))
        done = run(
            examples,
            settings.classifier,
            classifier,
            journal_position=position,
            now=SystemClock().now(),
            notes=notes,
            skipped=skipped,
            is_dry=dry_run,
            is_forced=force,
            share=lambda identity: share(feed, home, identity),
            progress=lambda: next(steps, None),
        )
        found = findings(examples, done, time.monotonic() - started)
    for folder in filter(None, (Path(done.folder), report_folder)):
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, found)
    if done.is_published:
        from filterd.classify import open_learner

        open_learner(settings.classifier, settings.state_dir, settings.store).catch_up()
    _show(done, found, as_json=as_json)
    for path, why in unreadable:
        click.echo(f"{path}: {why}", err=True)
    return EXIT_OK if done.is_published or dry_run else EXIT_NO


def _gather(
    context: Context, examples: TrainingSet, spam: tuple[Path, ...], ham: tuple[Path, ...]
) -> tuple[int, int, dict[str, str], list[tuple[str, str]]]:
    """(messages passed over, journal position that is in, notes, files that could not be read)."""
    from filterd.classify import open_learner
    from filterd.classify.corpus import Unreadable, messages, tell_apart
    from filterd.classify.gather import from_journal, from_paths

    if spam:
        failed = Unreadable()
        stream = chain(messages(spam, True, failed), messages(ham, False, failed))
        by_kind = not tell_apart(spam, ham)
        skipped = from_paths(progress(stream, "reading"), examples, by_kind=by_kind)
        return skipped, 0, {"source": "paths"}, failed.paths
    settings = context.settings
    learner = open_learner(settings.classifier, settings.state_dir, settings.store)
    learner.sync()
    position = learner.journal.last()
    notes = {"source": "journal", "fed": learner.last_fed()}
    return from_journal(learner.journal, examples), position, notes, []


def _show(done: Retrained, found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(json.loads(json.dumps({**found, "folder": done.folder})))
        return
    figures = done.figures
    output = console()
    output.print(
        f"trained on {done.spam} spam + {done.ham} ham; tested on the newest {figures.messages}"
    )
    for name, value in (
        ("(1-AUC) %", figures.one_minus_auc_percent),
        ("missed spam % at 0.1 % false positives", figures.fn_at_fp_0_1_percent),
        ("calibration error", figures.calibration_error),
    ):
        if value is not None:
            output.print(f"  {name}: {value:.4f}")
    if done.is_published:
        output.print(f"[green]published[/green] {done.id}; it was {done.was_in_force}")
    else:
        reason = done.gate.refusal or "dry run"
        output.print(
            f"[red]not published[/red] {done.id}: {reason}; {done.was_in_force} stays in force"
        )
    output.print(f"report: {done.folder}/report.html")

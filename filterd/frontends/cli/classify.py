"""classify - `filterd classify FILE`: what the classifier alone says, word by word.

Owns:   the command. Exit status: 0, 2 for a file that cannot be read, 75 without any model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from filterd.frontends.cli.context import (
    EXIT_OK,
    EXIT_TEMPORARY,
    Context,
    console,
    fail,
    json_option,
    pass_context,
    print_json,
)

DEFAULT_TOKENS = 15


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE...",
)
@click.option(
    "--tokens",
    is_flag=True,
    help="Show the tokens that decided, with their points; they sum to the points exactly.",
)
@click.option(
    "--top",
    type=click.IntRange(1, 10_000),
    default=DEFAULT_TOKENS,
    show_default=True,
    help="How many tokens.",
)
@json_option
@pass_context
def classify(
    context: Context, files: tuple[Path, ...], tokens: bool, top: int, as_json: bool
) -> int:
    """Say how likely each message is spam, by the classifier alone."""
    from filterd.classify import open_classifier
    from filterd.classify.features import extract
    from filterd.mail.message import Message

    settings = context.settings
    classifier = open_classifier(
        settings.classifier.model_copy(update={"enabled": True}), settings.state_dir
    )
    assert classifier is not None
    for problem in classifier.problems:
        click.echo(f"filterd: {problem}", err=True)
    scoring = classifier.refresh()
    if scoring.shipped is None and scoring.is_local_empty:
        fail(
            "no usable model: nothing shipped can be read and nothing is learned",
            EXIT_TEMPORARY,
        )
    for file in files:
        try:
            raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        except OSError as error:
            fail(f"{file}: {error.strerror}")
        features = extract(Message.from_bytes(raw))
        opinion = scoring.opinion(features, top if tokens else 0)
        if as_json:
            print_json(
                {
                    "file": str(file),
                    "probability": round(opinion.probability, 6),
                    "points": round(opinion.points, 4),
                    "confirmed": opinion.confirmed,
                    "model": opinion.model,
                    "tokens": [[name, round(share, 6)] for name, share in opinion.tokens]
                    if tokens
                    else [],
                }
            )
            continue
        output = console()
        output.print(
            f"{file}: {opinion.probability:.4f} ({opinion.points:+.2f} points)", markup=False
        )
        for name, share in opinion.tokens if tokens else ():
            output.print(f"  {share:+8.3f}  {name}", markup=False)
    return EXIT_OK

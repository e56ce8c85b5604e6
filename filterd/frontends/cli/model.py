"""model - `filterd model list|show|rollback`: which local models there are, and which is in force.

Owns:   the commands. Exit status: 0 done, 2 no such model.
"""

from __future__ import annotations

import json

import click

from filterd.core.clock import SystemClock
from filterd.frontends.cli.context import (
    EXIT_OK,
    Context,
    console,
    json_option,
    pass_context,
    print_json,
)


@click.group()
def model() -> None:
    """List, show and roll back local models."""


@model.command("list")
@json_option
@pass_context
def list_models(context: Context, as_json: bool) -> int:
    """Every published model, oldest first; the one in force is marked."""
    from filterd.classify.home import Home
    from filterd.classify.publish import published

    home = Home(context.settings.state_dir)
    current = home.current() or "none"
    rows = [
        {
            "id": identity,
            "in_force": identity == current,
            "created": manifest.created,
            "spam": manifest.messages_spam,
            "ham": manifest.messages_ham,
            "one_minus_auc_percent": manifest.measured.get("one_minus_auc_percent"),
        }
        for identity, manifest in published(home)
    ]
    if as_json:
        print_json({"in_force": current, "models": rows})
        return EXIT_OK
    from rich.table import Table

    table = Table("", "model", "created", "spam", "ham", "(1-AUC) %", box=None, pad_edge=False)
    for row in rows:
        auc = row["one_minus_auc_percent"]
        table.add_row(
            "*" if row["in_force"] else "",
            str(row["id"]),
            str(row["created"]),
            str(row["spam"]),
            str(row["ham"]),
            f"{auc:.4f}" if isinstance(auc, float) else "",
        )
    if current == "none":
        table.add_row("*", "none", "", "", "", "")
    console().print(table)
    return EXIT_OK


@model.command()
@click.argument("identity", default="current")
@json_option
@pass_context
def show(context: Context, identity: str, as_json: bool) -> int:
    """What a model was trained on and measured at; `shipped` is the one that came with the program."""
    from filterd.classify import manifest as manifests
    from filterd.classify import shipped_model
    from filterd.classify.home import NONE, Home
    from filterd.classify.publish import find

    settings = context.settings
    home = Home(settings.state_dir)
    if identity == "shipped" or (identity == "current" and (home.current() or NONE) == NONE):
        folder = shipped_model(settings.classifier)
    else:
        folder = find(home, identity)
    facts = manifests.load(folder).model_dump(exclude_none=True)
    if as_json:
        print_json({"folder": str(folder), **facts})
        return EXIT_OK
    click.echo(f"folder: {folder}")
    for key, value in facts.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            click.echo(f"{key}:")
            for row in value:
                click.echo("  " + ", ".join(f"{k} {v}" for k, v in row.items()))
        elif isinstance(value, dict):
            for inner, item in value.items():
                click.echo(f"{key}.{inner}: {item}")
        else:
            click.echo(f"{key}: {json.dumps(value) if isinstance(value, list) else value}")
    return EXIT_OK


@model.command()
@click.argument("identity", required=False)
@json_option
@pass_context
def rollback(context: Context, identity: str | None, as_json: bool) -> int:
    """Put the model before this one in force again, or the one named ("none": labels alone).

    Labels learned since stay learned.
    """
    from filterd.classify import open_feed, open_learner
    from filterd.classify.follow import share
    from filterd.classify.home import NONE, Home
    from filterd.classify.publish import find
    from filterd.classify.publish import rollback as roll

    settings = context.settings
    home = Home(settings.state_dir)
    if identity is not None and identity != NONE:
        identity = find(home, identity).name
    now_in_force = roll(home, identity, SystemClock().now())
    share(open_feed(settings.store), home, now_in_force)
    open_learner(settings.classifier, settings.state_dir, settings.store).catch_up()
    if as_json:
        print_json({"in_force": now_in_force})
    else:
        click.echo(f"in force: {now_in_force}")
    return EXIT_OK

"""main - the `filterd` command: global options, subcommands loaded when they are called.

Owns:   cli, COMMANDS (name -> "module:function"; an area adds its line), the last-resort error report.
Rules of this file: importing it imports no subcommand, so that `filterd scan` pays for scanning only.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

import filterd
from filterd.core.errors import ConfigError, FilterdError
from filterd.frontends.cli.context import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TEMPORARY,
    EXIT_USAGE,
    App,
    Context,
    fail,
    report_config_error,
)

_HERE = "filterd.frontends.cli"
COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:function, one line of help)
    "serve": (f"{_HERE}.serve:serve", "Run the milter (and HTTP) in the foreground."),
    "scan": (f"{_HERE}.scan:scan", "Scan message files and say what would become of them."),
    "learn": (f"{_HERE}.learn:learn", "Learn messages as spam or ham; in force at once."),
    "retrain": (
        f"{_HERE}.retrain:retrain",
        "Fit the local model anew; publish it if it does no harm.",
    ),
    "model": (f"{_HERE}.model:model", "List, show and roll back local models."),
    "classify": (f"{_HERE}.classify:classify", "What the classifier alone says, word by word."),
    "evaluate": (f"{_HERE}.evaluate:evaluate", "Measure the classifier on labelled mail."),
    "forget": (f"{_HERE}.learn:forget", "Undo what was learned of these messages."),
    "unlearn": (f"{_HERE}.learn:unlearn", "Take back what a user said since a time."),
    "why": (f"{_HERE}.why:why", "Everything about one past verdict, by queue-id or why-id."),
    "history": (f"{_HERE}.history:history", "Search the recorded verdicts."),
    "greylist": (f"{_HERE}.greylist:greylist", "What greylisting did, and whether it pays."),
    "store": (f"{_HERE}.store:store", "The shared state: is it there, export, import."),
    "test-address": (
        f"{_HERE}.test_address:test_address",
        "Which line of which list matches an address or a client.",
    ),
    "doctor": (f"{_HERE}.doctor:doctor", "What around the filter is wrong, and what to do."),
    "wire": (f"{_HERE}.wire:wire", "Put filterd into Postfix or Sendmail, prove it, undo it."),
    "config": (f"{_HERE}.config:config", "Check the configuration, or show what is in force."),
    "rules": (f"{_HERE}.rules:rules", "Look at the rules, try them, weigh them."),
    "dkim": (f"{_HERE}.dkim:dkim", "Make signing keys; compare them with the DNS."),
    "dmarc": (f"{_HERE}.dmarc:dmarc", "Report DMARC results to the owners of domains."),
    "status": (f"{_HERE}.status:status", "What runs, since when, with what."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names from the table: completing one must not import them all."""
        names = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], COMMANDS, 1)
            if not near:
                raise
            raise click.UsageError(f'{error.message} Did you mean "{near[0]}"?', ctx) from None


def _setting(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    settings = {}
    for item in values:
        key, equals, value = item.partition("=")
        if not equals:
            raise click.BadParameter(f"expected key=value, got {item!r}")
        settings[key.strip()] = value.strip()
    return settings


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Main file; default $FILTERD_CONFIG, then /etc/filterd/filterd.toml.",
)
@click.option(
    "-s",
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_setting,
    help="Set one key for this run, e.g. thresholds.reject=12.",
)
@click.version_option(filterd.__version__, prog_name="filterd")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, overrides: dict[str, str]) -> None:
    """An anti-spam milter for Postfix and Sendmail that says why."""
    ctx.obj = Context(ctx.obj, config, overrides)
    ctx.call_on_close(ctx.obj.close)


def run(make_app: Callable[[], App], arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _invoke(make_app, given)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_USAGE


def _invoke(make_app: Callable[[], App], arguments: list[str]) -> int:
    """The status a command returned; SystemExit where one of our own errors was reported."""
    try:
        status = cli.main(
            args=arguments, prog_name="filterd", obj=make_app, standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except click.Abort:
        return EXIT_INTERRUPTED
    except ConfigError as error:
        report_config_error(error, as_json="--json" in arguments)
    except FilterdError as error:
        fail(str(error), EXIT_TEMPORARY)
    except (
        OSError
    ) as error:  # a folder that is another's, a full disk: nothing that we did wrong
        place = f"{error.filename}: " if error.filename else ""
        who = " (ask as root, or as the user of the service)"
        hint = who if isinstance(error, PermissionError) else ""
        fail(f"{place}{error.strerror or error}{hint}")
    return status if isinstance(status, int) else EXIT_OK

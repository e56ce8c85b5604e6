"""context - what a subcommand may ask for, and how subcommands speak.

Owns:   App (the seam to the composition root), Context, exit statuses, output helpers of all commands.
Rules of this file: no subcommand imports filterd.app. Standard output is the answer, standard error is
        for people. `--json` prints one JSON value and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

import click

from filterd.core.errors import ConfigError
from filterd.core.ownership import hand_over

if TYPE_CHECKING:
    from rich.console import Console

    from filterd.config.load import Loaded
    from filterd.config.settings import FilterSettings
    from filterd.core.check import Check
    from filterd.core.lookup import Resolver
    from filterd.core.stores import DmarcReportStore, HistoryStore
    from filterd.scan.scanner import Scanner

EXIT_OK = 0
EXIT_NO = 1  # the answer is no: refused, not healthy, not found, lint found something
EXIT_USAGE = 2  # wrong usage, input or configuration
EXIT_INTERRUPTED = 130  # as a shell says of SIGINT
EXIT_TEMPORARY = 75  # sysexits.h EX_TEMPFAIL: try again

State = Literal["none", "memory", "live"]


class App(Protocol):
    """The composition root, as the commands see it; filterd.app.App fulfils it."""

    def load_settings(self, path: Path | None, overrides: Mapping[str, str]) -> Loaded:
        """Settings of all sources; ConfigError with every problem."""
        ...

    def build_scanner(
        self,
        settings: FilterSettings,
        *,
        zone: str | None = None,
        no_dns: bool = False,
        state: State = "live",
        at: float | None = None,
    ) -> AbstractContextManager[Scanner]:
        """A scanner for this process, closed on leaving.

        `zone` is zone-file text that answers all DNS, `no_dns` answers nothing. `state` says what
        greylisting, rates and the like remember with: nothing at all (those checks stay silent),
        this process's memory, or the configured store. `at` is the moment for which it judges, in
        seconds since the epoch, if that is not now.
        """
        ...

    def open_stores(self, settings: FilterSettings) -> Any:
        """The configured stores (filterd.store.Stores)."""
        ...

    def open_history(self, settings: FilterSettings) -> AbstractContextManager[HistoryStore]:
        """The recorded verdicts, closed on leaving."""
        ...

    def open_resolver(
        self, settings: FilterSettings, *, zone: str | None = None
    ) -> AbstractContextManager[Resolver]:
        """The configured resolver, or one that answers from zone text; closed on leaving."""
        ...

    def open_reports(
        self, settings: FilterSettings
    ) -> AbstractContextManager[DmarcReportStore]:
        """The DMARC results that wait to be reported; closed on leaving."""
        ...

    def load_rules(self, settings: FilterSettings) -> Any:
        """The compiled rule set (filterd.ruleset); ConfigError with every problem."""
        ...

    def open_classifier(self, settings: FilterSettings) -> Any:
        """The classifier in force (filterd.classify)."""
        ...

    def checks(self) -> Sequence[Check]:
        """Every check there is, switched on or not, in running order."""
        ...

    def serve(self, load: Callable[[], Loaded]) -> int:
        """Run the service in the foreground until told to stop; the exit status.

        `load` reads all sources anew; it is called at start and at every reload.
        """
        ...


@dataclass
class Context:
    """One run of the program: the app and the settings once asked for, the global options."""

    make_app: Callable[[], App]
    config: Path | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def loaded(self) -> Loaded:
        return self.load()

    @cached_property
    def app(self) -> App:
        return self.make_app()

    def load(self) -> Loaded:
        """Read all sources anew."""
        return self.app.load_settings(self.config, self.overrides)

    @property
    def settings(self) -> FilterSettings:
        return self.loaded.settings

    def close(self) -> None:
        """Leave nothing of root's in the state directory of the filter's user."""
        if "loaded" in vars(self):  # a command that read no settings made no state
            hand_over(self.settings.state_dir)


@contextmanager
def open_history(context: Context) -> Iterator[HistoryStore]:
    """The recorded verdicts; a word and status 2 where none are kept."""
    if not context.settings.history.enabled:
        fail("no verdicts are recorded: history.enabled = false")
    with context.app.open_history(context.settings) as history:
        yield history


pass_context = click.make_pass_decorator(Context)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON and nothing else."
)


def print_json(value: Any, *, indent: int | None = None) -> None:
    """One JSON value on standard output; text that is no UTF-8 is shown as U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    click.echo(text.encode("utf-8", "replace").decode("utf-8"))


def console(*, stderr: bool = False) -> Console:
    """A rich console: colours on a terminal only, and never wider than what is read."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 120
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())


def fail(message: str, status: int = EXIT_USAGE) -> NoReturn:
    """Say what is wrong and end with that status."""
    click.echo(f"filterd: {message}", err=True)
    raise SystemExit(status)


def report_config_error(error: ConfigError, *, as_json: bool = False) -> NoReturn:
    """Every problem on a line of its own; exit status 2."""
    if as_json:
        print_json(
            {
                "ok": False,
                "problems": [
                    {"file": p.file, "key": p.where, "message": p.message}
                    for p in error.problems
                ],
            }
        )
    else:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        count = len(error.problems)
        click.echo(f"filterd: {count} problem{'s' * (count != 1)} found", err=True)
    raise SystemExit(EXIT_USAGE)

"""status - `filterd status`: what runs, since when, with what.

Owns:   the command and what it prints. Reads what the master writes (status.json in the run directory);
        the settings, when nothing runs.
Exit status: 0 running, 1 not running (or not ready), 2 configuration problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    json_option,
    pass_context,
    print_json,
)
from filterd.observe.metrics import read_totals
from filterd.observe.status import is_alive, read_status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from filterd.config.settings import FilterSettings
    from filterd.core.check import Check


@click.command()
@json_option
@pass_context
def status(context: Context, as_json: bool) -> int:
    """Show what runs, since when, each check on or off and why, workers, rules, model, stores."""
    from filterd.core.clock import SystemClock

    settings = context.settings
    now = SystemClock().now()
    found = gather(settings, context.app.checks(), now)
    if found["running"]:
        found["pauses"] = _pauses(context, now)
    if as_json:
        print_json(found, indent=2)
    else:
        show(found, now)
    return EXIT_OK if found["running"] else EXIT_NO


def gather(settings: FilterSettings, checks: Sequence[Check], now: float) -> dict[str, Any]:
    """Everything there is to say, as plain values."""
    written = read_status(settings.run_dir / "status.json") or {}
    running = is_alive(written, now)
    facts = written if running else {}
    table = check_table(settings, checks)
    in_force = facts.get("checks", {})
    for row in table:  # what runs may be older than what the files say
        row["enabled"] = in_force.get(row["name"], row["enabled"])
    return {
        "mode": settings.mode,
        "sockets": [str(s) for s in settings.milter.sockets],
        **facts,
        "running": running,
        "state_dir": str(settings.state_dir),
        "checks": table,
        **_counted(settings),
    }


def _pauses(context: Context, now: float) -> dict[str, str]:
    """Why each DNS list that is paused is, and how long still, as the workers have told the store."""
    from filterd.core.errors import StoreUnavailable

    stores = context.app.open_stores(context.settings)
    try:
        return {
            pause.zone: f"{pause.reason}; {ago(pause.until - now)} more"
            for pause in stores.pauses.pauses(now)
        }
    except StoreUnavailable:
        return {}
    finally:
        stores.close()


def _counted(settings: FilterSettings) -> dict[str, Any]:
    """Verdicts by action, the tarpit, and the DNS lists not believed, of all workers together."""
    verdicts: dict[str, int] = {}
    paused: list[str] = []
    numbers = read_totals(settings.run_dir / "metrics").numbers
    tarpit = {
        "held_now": numbers.get(("filterd_held",), 0),
        "held": numbers.get(("filterd_answers_held",), 0),
        "hung_up": numbers.get(("filterd_hung_up",), 0),
    }
    for series, value in numbers.items():
        if series[0] == "filterd_verdicts":
            verdicts[series[1]] = verdicts.get(series[1], 0) + int(value)
        elif series[0] == "filterd_zone_open" and value:
            paused.append(series[1])
    return {
        "verdicts": verdicts,
        "tarpit": {name: int(n) for name, n in tarpit.items()},
        "lists_not_believed": sorted(paused),
    }


def check_table(settings: FilterSettings, checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Each check: on or off, and which profiles leave it out."""
    tables = settings.check_settings
    return [
        {
            "name": check.name,
            "enabled": tables[check.name].enabled,
            "reason": ""
            if tables[check.name].enabled
            else f"checks.{check.name}.enabled = false",
            "on_error": tables[check.name].on_error,
            "not_in": sorted(
                name
                for name, profile in settings.profiles.items()
                if check.name in profile.disable
            ),
            "stage": check.stage.word,
        }
        for check in checks
    ]


def show(found: Mapping[str, Any], now: float) -> None:
    """The same for a person."""
    from rich.markup import escape
    from rich.table import Table

    out = console()
    if found["running"]:
        out.print(
            f"[green bold]running[/] since {ago(now - found['started'])}, pid {found['pid']}, "
            f"mode {found['mode']}, generation {found['generation']}, "
            f"{found.get('restarts', 0)} workers replaced"
        )
    else:
        out.print(f"[red bold]not running[/] (mode {found['mode']})")
    out.print(
        f"listens on {escape(', '.join(found['sockets']))}; state in {escape(found['state_dir'])}"
    )
    if problem := found.get("reload_problem"):
        out.print(f"[red]last reload failed, the old set runs on:[/] {escape(str(problem))}")
    for worker in found.get("workers", ()):
        out.print(
            f"  worker {worker['pid']} ({escape(worker['job'])}) since {ago(now - worker['since'])}"
            f", generation {worker['generation']}{', retiring' if worker['retiring'] else ''}"
        )
    if found["verdicts"]:
        out.print(
            "verdicts: " + ", ".join(f"{n} {a}" for a, n in sorted(found["verdicts"].items()))
        )
    if (tarpit := found["tarpit"])["held"] or tarpit["held_now"]:
        out.print(
            f"tarpit: {tarpit['held_now']} sessions held now; {tarpit['held']} answers held so far,"
            f" {tarpit['hung_up']} clients hung up while they waited"
        )
    reasons = found.get("pauses", {})
    for zone in sorted({*found["lists_not_believed"], *reasons}):
        why = reasons.get(zone, "paused by a worker")
        out.print(f"[yellow]DNS list not believed:[/] {escape(f'{zone}: {why}')}")
    for key in sorted(set(found) - _SAID):
        out.print(f"{key}: {escape(_plain(found[key]) or 'none')}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("check", "", "from", "on error", "not in profiles"):
        table.add_column(title)
    for check in found["checks"]:
        on = "[green]on[/]" if check["enabled"] else "[yellow]off[/]"
        note = (
            escape(", ".join(check["not_in"])) if check["enabled"] else escape(check["reason"])
        )
        table.add_row(check["name"], on, check["stage"], check["on_error"], note)
    out.print(table)


_SAID = {
    "running", "mode", "state_dir", "sockets", "checks", "pid", "started", "generation", "restarts",
    "reload_problem", "written", "workers", "verdicts", "lists_not_believed",
    "tarpit", "pauses",
}  # fmt: skip


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return str(value)


def ago(seconds: float) -> str:
    """How long ("3 min"), in the largest unit that says something."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"

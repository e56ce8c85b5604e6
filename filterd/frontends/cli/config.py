"""config - `filterd config check|show|explain`: is it right, what is in force, what does a key do.

Owns:   the three commands. The text of `show` is TOML and can be read back.
Exit status: 0 in order, 1 no such key, 2 problems found.
"""

from __future__ import annotations

from typing import Any

import click

from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    json_option,
    pass_context,
    print_json,
)


@click.group()
def config() -> None:
    """Check the configuration, or show what is in force."""


@config.command()
@json_option
@pass_context
def check(context: Context, as_json: bool) -> int:
    """Read everything that a start would read and report every problem.

    Settings, rules and the order of checks: what passes here starts.
    """
    loaded = context.loaded
    with context.app.build_scanner(loaded.settings, no_dns=True, state="none") as scanner:
        running = [c.name for c in scanner.profiles["default"].plan.checks]
    files = [str(file) for file in loaded.files]
    warnings = list(loaded.settings.warnings())
    if as_json:
        print_json(
            {
                "ok": True,
                "problems": [],
                "warnings": warnings,
                "files": files,
                "checks": running,
            }
        )
    else:
        for text in warnings:
            click.echo(f"warning: {text}")
        click.echo(
            f"in order: {', '.join(files) or 'built-in defaults'}; {len(running)} checks on"
        )
    return EXIT_OK


@config.command()
@click.argument("prefix", default="", metavar="[KEY]")
@click.option("--origin", is_flag=True, help="Say what set each key.")
@click.option("--changed", is_flag=True, help="Only what something has set.")
@json_option
@pass_context
def show(context: Context, prefix: str, origin: bool, changed: bool, as_json: bool) -> int:
    """Print the settings in force, all or those under KEY. Secrets are hidden."""
    from filterd.config.reference import leaves, toml

    loaded = context.loaded
    found: list[tuple[str, Any, str]] = []
    for key, value in leaves(loaded.settings):
        if prefix and key != prefix and not key.startswith(f"{prefix}."):
            continue
        said = loaded.origin(key)
        if not changed or said != "default":
            found.append((key, value, said))
    if as_json:
        print_json(
            {
                key: {"value": value, "origin": said} if origin else value
                for key, value, said in found
            },
            indent=2,
        )
    elif found:
        lines = [f"{key} = {toml(value)}" for key, value, _ in found]
        width = min(max(map(len, lines)), 60)
        for line, (_, _, said) in zip(lines, found, strict=True):
            click.echo(f"{line:{width}}  # {said}" if origin else line)
    return EXIT_OK if found or not prefix else _unknown(prefix)


@config.command()
@click.argument("key")
@json_option
@pass_context
def explain(context: Context, key: str, as_json: bool) -> int:
    """Say what KEY does, what it takes, its default, its value and what set it."""
    from filterd.config.reference import entry, leaves, toml

    item = entry(key)
    if item is None:
        return _unknown(key)
    loaded = context.loaded
    values = dict(leaves(loaded.settings))
    value = values.get(key)
    if as_json:
        print_json(
            {
                "key": key,
                "takes": item.kind,
                "range": item.bounds,
                "default": item.default,
                "description": item.description,
                "value": value,
                "origin": loaded.origin(key),
            },
            indent=2,
        )
        return EXIT_OK
    click.echo(f"{key}: {item.description}")
    click.echo(f"  takes    {'; '.join(part for part in (item.kind, item.bounds) if part)}")
    if item.default:
        click.echo(f"  default  {item.default}")
    if key in values:
        click.echo(f"  value    {toml(value)}  ({loaded.origin(key)})")
    return EXIT_OK


def _unknown(key: str) -> int:
    from difflib import get_close_matches

    from filterd.config.decode import all_keys
    from filterd.config.settings import FilterSettings

    near = get_close_matches(key, list(all_keys(FilterSettings)), 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    click.echo(f"filterd: no setting {key}{hint}", err=True)
    return EXIT_NO

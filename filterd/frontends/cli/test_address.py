"""test_address - `filterd test-address ADDRESS|IP...`: which line of which list matches, and why.

Owns:   the command. Asks the same look-ups as the checks (store.listfile), reading the files now.
Exit status: 0 something matched each of them, 1 something matched nothing, 2 usage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filterd.core.transaction import client_address
from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    json_option,
    pass_context,
    print_json,
)

if TYPE_CHECKING:
    from filterd.config.settings import FilterSettings
    from filterd.store.listfile import AdminList, Entry


@dataclass(frozen=True, slots=True)
class Match:
    """One line, or one setting, that speaks of the address."""

    list: str  # "allow", "deny", "trap", "local_networks", ...
    place: str  # FILE:LINE, or the key of the setting
    entry: str
    meaning: str


@click.command("test-address")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS|IP...")
@json_option
@pass_context
def test_address(context: Context, addresses: Sequence[str], as_json: bool) -> int:
    """Say which line of which list matches an address, a domain or a client, and what that means."""
    settings = context.settings
    files = read_lists(settings)
    answers = {address: list(matches(address, settings, files)) for address in addresses}
    if as_json:
        print_json(
            {
                address: [
                    {"list": m.list, "place": m.place, "entry": m.entry, "meaning": m.meaning}
                    for m in found
                ]
                for address, found in answers.items()
            },
            indent=2,
        )
    else:
        out = console()
        for address, found in answers.items():
            out.print(address, style="bold", markup=False)
            for match in found:
                out.print(f"  {match.list}: {match.entry}  ({match.place})", markup=False)
                out.print(f"      {match.meaning}", markup=False)
            if not found:
                out.print("  no list speaks of it")
    for _, path, content in files:
        if not Path(path).exists():
            click.echo(f"filterd: {path} does not exist", err=True)
        for problem in content.problems:
            click.echo(f"filterd: {problem} (the line is ignored)", err=True)
    return EXIT_OK if all(answers.values()) else EXIT_NO


def read_lists(settings: FilterSettings) -> list[tuple[str, str, AdminList]]:
    """(name, path, content) of every list file, as it is now."""
    from filterd.store.listfile import ListFile

    allow: Any = settings.check_settings["allow"]
    trap: Any = settings.check_settings["trap"]
    named = [("allow", path) for path in allow.allow_files]
    named += [("deny", path) for path in allow.deny_files]
    named += [("trap", path) for path in trap.files]
    return [
        (name, path, ListFile(path, is_allow=name == "allow").current(0.0))
        for name, path in named
    ]


def matches(
    address: str, settings: FilterSettings, files: Sequence[tuple[str, str, AdminList]]
) -> Iterator[Match]:
    """Everything that speaks of a client address, a mail address or a domain."""
    client = client_address(address)
    for name, _, content in files:
        if client is not None:
            entry = content.client(client)
        elif "@" in address:
            entry = content.address(address)
        else:
            entry = content.domain(address)
        if entry is not None:
            proof = client is None and not entry.is_unsafe
            yield Match(
                name, entry.place, entry.text, _meaning(name, entry, settings, proof=proof)
            )
    if client is None:
        yield from _exempt(address, settings)
    else:
        yield from _placed(client, settings)


def _placed(client: IPv4Address | IPv6Address, settings: FilterSettings) -> Iterator[Match]:
    """What the networks in the settings say of a client."""
    for key in ("local_networks", "trusted_networks"):
        for network in getattr(settings, key):
            if network.version == client.version and client in network:
                meaning = (
                    "a client of our own: profile `local`"
                    if key == "local_networks"
                    else "a relay before us: the true client is looked for in Received"
                )
                yield Match(key, key, str(network), meaning)
    for name, profile in settings.profiles.items():
        for network in profile.networks:
            if network.version == client.version and client in network:
                yield Match(
                    "profile", f"profiles.{name}.networks", str(network), f"profile `{name}`"
                )


def _meaning(name: str, entry: Entry, settings: FilterSettings, *, proof: bool) -> str:
    chosen: Any = settings.check_settings["allow" if name != "trap" else "trap"]
    off = "" if chosen.enabled else " (but the check is switched off)"
    match name:
        case "allow":
            does = (
                "its mail is accepted whatever it scores"
                if chosen.allow == "accept"
                else "its mail scores less"
            )
            if proof:
                does = f"only when SPF, DKIM or DMARC proves the name: {does}"
            elif entry.is_unsafe:
                does = f"without any proof (unsafe): {does}"
        case "deny":
            does = "refused" if chosen.deny == "reject" else "its mail scores more"
        case _:
            does = f"a spamtrap: who writes to it is listed for {chosen.listed_for / 3600:g} h"
    return does + off


def _exempt(address: str, settings: FilterSettings) -> Iterator[Match]:
    chosen: Any = settings.check_settings["greylist"]
    for name in chosen.exempt_recipients:
        if name.lower() in {address.lower(), address.lower().partition("@")[0]}:
            yield Match(
                "greylist",
                "checks.greylist.exempt_recipients",
                name,
                "as a recipient it gets its mail without greylisting",
            )

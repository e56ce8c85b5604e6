"""doctor - `filterd doctor`: what around the filter is wrong, and what to do about it.

Owns:   the command: the order of the probes, the lines on the screen.
Exit status: 0 nothing fails (warnings may be), 1 something fails.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from filterd.frontends.cli import machine, probe
from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    json_option,
    pass_context,
    print_json,
)
from filterd.frontends.cli.probe import Finding, Level

if TYPE_CHECKING:
    from filterd.config.settings import FilterSettings

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "red bold"}
SECRETS = ("password", "secret", "token", "url")


@click.command()
@click.option(
    "--postfix",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/etc/postfix"),
    show_default=True,
    help="Configuration directory of the Postfix to look at.",
)
@click.option("--no-dns", is_flag=True, help="Leave out what asks the DNS.")
@click.option("--quiet", "-q", is_flag=True, help="Only what is not in order.")
@json_option
@pass_context
def doctor(context: Context, folder: Path, no_dns: bool, quiet: bool, as_json: bool) -> int:
    """Look at everything that goes wrong around a mail filter; one line each, with what to do.

    The resolver and the DNS lists, this host's name, the clock, the store, the MTA's settings and
    whether its user can reach us, model and rules, disk and permissions.
    """
    found: list[Finding] = []
    out = None if as_json else console()
    for finding in examine(context, folder, no_dns=no_dns):
        found.append(finding)
        if out is None or (quiet and finding.level is Level.OK):
            continue
        from rich.markup import escape

        out.print(
            f"[{STYLES[finding.level]}]{finding.level.value:<8}[/] {escape(finding.name)}: {escape(finding.text)}"
        )
        if finding.advice and finding.level is not Level.OK:
            out.print(f"{'':9}[dim]{escape(finding.advice)}[/]")
    failures = sum(f.level is Level.FAILURE for f in found)
    warnings = sum(f.level is Level.WARNING for f in found)
    if as_json:
        print_json({"ok": not failures, "findings": [probe.plain(f) for f in found]}, indent=2)
    elif out is not None:
        out.print(f"{len(found)} looked at: {failures} failing, {warnings} to think about")
    return EXIT_NO if failures else EXIT_OK


def examine(context: Context, folder: Path, *, no_dns: bool = False) -> Iterator[Finding]:
    """Every finding, in an order that puts causes before effects."""
    from filterd.core.clock import SystemClock

    settings = context.settings
    now = SystemClock().now()
    yield from probe.configuration(lambda: _build(context))
    yield from probe.mode(settings)
    yield from probe.service(settings, now)
    for listen in settings.milter.sockets:
        yield probe.reachable("milter", listen)
    if settings.http.enabled:
        for listen in settings.http.sockets:
            yield probe.reachable("http", listen)
    yield from _mta(folder, settings)
    if not no_dns:
        yield from _dns(context, folder)
    yield from machine.clock(machine.clock_error())
    yield from machine.disk(settings.state_dir)
    set_here = any(word in key for key in context.loaded.origins for word in SECRETS)
    yield from machine.files(context.loaded.files, set_here, settings.state_dir)
    yield from _kept(context, now)


def _build(context: Context) -> None:
    with context.app.build_scanner(context.settings, no_dns=True, state="none"):
        pass


def _mta(folder: Path, settings: FilterSettings) -> Iterator[Finding]:
    if (
        not (folder / "main.cf").is_file()
        or shutil.which("postconf", path="/usr/sbin:/usr/bin") is None
    ):
        if Path("/etc/mail/sendmail.mc").is_file():
            wired = "filterd" in Path("/etc/mail/sendmail.mc").read_text("utf-8", "replace")
            yield (
                probe.ok("sendmail", "sendmail.mc names filterd")
                if wired
                else probe.failure(
                    "sendmail", "sendmail.mc does not name filterd", "filterd wire sendmail"
                )
            )
        else:
            yield probe.warning(
                "mta", f"no Postfix in {folder} and no Sendmail: is the MTA elsewhere?"
            )
        return
    from filterd.frontends.cli.mta.health import postfix
    from filterd.frontends.cli.mta.postfix import Postfix

    yield from postfix(Postfix(folder), settings)


def _dns(context: Context, folder: Path) -> Iterator[Finding]:
    import socket

    from filterd.dns import system_servers
    from filterd.dns.settings import parse_server
    from filterd.frontends.cli.mta.change import WireError
    from filterd.frontends.cli.mta.postfix import Postfix

    settings = context.settings
    servers = [parse_server(text)[0] for text in settings.dns.servers]
    servers = servers or [host for host, _ in system_servers()]
    name = socket.getfqdn()
    with contextlib.suppress(WireError):
        name = Postfix(folder).value("myhostname") or name
    with context.app.open_resolver(settings) as resolver:
        ask = probe.asking(resolver.ask)
        yield from probe.resolver(servers, ask)
        yield from probe.zones(zone_names(settings), ask)
        yield from probe.host_name(name, (), ask)


def zone_names(settings: FilterSettings) -> list[str]:
    """The zones of all checks that ask DNS lists of addresses."""
    found: list[str] = []
    for name in ("dnsbl", "domainlist"):
        chosen = settings.check_settings.get(name)
        for item in (
            getattr(chosen, "lists", ()) if chosen is not None and chosen.enabled else ()
        ):
            zone = str(getattr(item, "zone", ""))
            if zone and zone not in found:
                found.append(zone)
    return found


def _kept(context: Context, now: float) -> Iterator[Finding]:
    settings = context.settings
    stores = context.app.open_stores(settings)
    try:
        yield from probe.stores(stores.status(), stores.state.probe)
    finally:
        stores.close()
    with contextlib.suppress(Exception):  # said by `configuration` already
        yield from probe.rules(
            settings.rules.directory, context.app.load_rules(settings).summary, now
        )
    classifier = context.app.open_classifier(settings)
    if classifier is not None:
        from filterd.classify import shipped_model

        folder = shipped_model(settings.classifier)
        labels = settings.state_dir / "classifier" / "journal.sqlite"
        yield from probe.model(classifier.problems, folder, labels, now)

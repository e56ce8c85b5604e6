"""dkim - `filterd dkim keygen|check`: keys for signing, and whether the DNS publishes them.

Owns:   the two commands and what they print. Keys are made and read in auth.keyfile.
Exit status: 0 done (check: every key is published), 1 some key is not, 75 the DNS does not answer,
        2 usage or configuration.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    EXIT_TEMPORARY,
    Context,
    console,
    fail,
    json_option,
    pass_context,
    print_json,
)

if TYPE_CHECKING:
    from filterd.auth.keyfile import Kind, Signer
    from filterd.core.lookup import Ask

Standing = Literal["published", "missing", "different", "unusable", "unknown"]


@click.group()
def dkim() -> None:
    """Make keys for signing; compare the configured ones with the DNS."""


@dkim.command()
@click.argument("domain")
@click.option("--selector", "-s", default="", help="Default: year and month, such as 202611.")
@click.option(
    "--type", "kind", type=click.Choice(["rsa", "ed25519"]), default="rsa", show_default=True
)
@click.option(
    "--bits", type=click.IntRange(1024, 4096), default=2048, show_default=True, help="Of RSA."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the private key; default SELECTOR.DOMAIN.pem here. Never overwritten.",
)
@json_option
def keygen(
    domain: str, selector: str, kind: Kind, bits: int, out: Path | None, as_json: bool
) -> int:
    """Make a private key and print the DNS record and the settings that belong to it."""
    from filterd.auth import keyfile
    from filterd.core.clock import SystemClock
    from filterd.mail.domain import to_alabel

    name = to_alabel(domain)
    month = time.strftime("%Y%m", time.gmtime(SystemClock().now()))
    selector = selector.lower() or month + ("e" if kind == "ed25519" else "")
    if not name or to_alabel(selector) != selector:
        raise click.UsageError("DOMAIN and selector must be DNS names")
    path = out or Path(f"{selector}.{name}.pem")
    signer = keyfile.Signer(name, selector, keyfile.generate(kind, bits))
    try:
        keyfile.write_key(path, signer.key)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    if as_json:
        facts = {"name": signer.name, "txt": keyfile.published(signer), "key": str(path)}
        print_json(facts, indent=2)
        return EXIT_OK
    click.echo(f"; the private key is in {path}, readable by you alone. Publish this:")
    click.echo(keyfile.zone_line(signer))
    click.echo("; then let it sign:")
    click.echo(
        f'[[signing.keys]]\ndomain = "{name}"\nselector = "{selector}"\nkey = "{path.resolve()}"'
    )
    return EXIT_OK


@dkim.command()
@click.option(
    "--zone",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Answer DNS from this zone file (see ZONE FILES in filterd(1)) and from nothing else.",
)
@json_option
@pass_context
def check(context: Context, zone: Path | None, as_json: bool) -> int:
    """Compare every key of [signing] with the record that the DNS publishes."""
    from filterd.auth.keyfile import load_signers

    settings = context.settings
    signers = load_signers(settings.signing)
    text = zone.read_text("utf-8", "surrogateescape") if zone is not None else None
    deadline = time.monotonic() + 10.0
    with context.app.open_resolver(settings, zone=text) as resolver:
        found = [
            (signer, *compare(signer, lambda question: resolver.ask(question, deadline)))
            for signer in signers
        ]
    if as_json:
        print_json(
            [
                {"name": signer.name, "type": signer.kind, "state": state, "reason": reason}
                for signer, state, reason in found
            ],
            indent=2,
        )
    else:
        for signer, state, reason in found:
            style = "green" if state == "published" else "red"
            console().print(
                f"[{style}]{state:<9}[/] {signer.name} ({signer.kind}) {reason}".rstrip()
            )
        if not found:
            click.echo("no keys: [signing] keys is empty")
    states = {state for _, state, _ in found}
    if states <= {"published"}:
        return EXIT_OK
    return EXIT_TEMPORARY if states <= {"published", "unknown"} else EXIT_NO


def compare(signer: Signer, ask: Ask) -> tuple[Standing, str]:
    """How the published record stands to the private key, and what a verifier would say of it."""
    from filterd.auth.key import find_keys, parse_key
    from filterd.auth.keyfile import published
    from filterd.auth.signature import SignatureError

    ours = parse_key(published(signer).encode("ascii")).public
    reason = ""
    for key in find_keys(ask, signer.selector, signer.domain):
        if isinstance(key, SignatureError):
            if key.result == "temperror":
                return "unknown", key.reason
            reason = key.reason
        elif key.public == ours:
            return "published", "in test mode (t=y)" if key.is_testing else ""
        else:
            return "different", "the record holds another key"
    if reason == "no key for signature":
        return "missing", "no TXT record"
    return "unusable", reason

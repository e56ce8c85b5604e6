"""wire - `filterd wire postfix|sendmail`: show the change, make it, prove it, undo it.

Owns:   the commands. What is changed is the business of mta/postfix.py and mta/sendmail.py.
Exit status: 0 wired (or nothing to do, or undone), 1 not wanted or the proof failed, 2 cannot be done.
"""

from __future__ import annotations

import hashlib
import smtplib
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    fail,
    json_option,
    pass_context,
    print_json,
)
from filterd.frontends.cli.mta import postfix as postfix_side
from filterd.frontends.cli.mta import sendmail as sendmail_side
from filterd.frontends.cli.mta.change import Ledger, Plan, WireError, write
from filterd.frontends.cli.mta.proof import Proof, prove
from filterd.frontends.cli.probe import Level, reachable

if TYPE_CHECKING:
    from filterd.config.listen import Socket

undo_option = click.option("--undo", is_flag=True, help="Take the latest change back, exactly.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
dry_option = click.option("--dry-run", is_flag=True, help="Show the change and end.")
proof_option = click.option(
    "--proof/--no-proof",
    default=True,
    help="Send a clean message and GTUBE through the MTA afterwards.",
)
recipient_option = click.option(
    "--recipient",
    default="",
    metavar="ADDRESS",
    help="Who gets the clean test message; default postmaster.",
)


@click.group()
def wire() -> None:
    """Put filterd into the MTA's configuration, prove that it works, or take it out again."""


@wire.command()
@click.option(
    "--config-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/etc/postfix"),
    show_default=True,
    help="The instance's configuration directory.",
)
@click.option(
    "--default-action",
    type=click.Choice(["tempfail", "accept", "quarantine", "reject"]),
    default="tempfail",
    show_default=True,
    help="What Postfix does when filterd does not answer.",
)
@undo_option
@yes_option
@dry_option
@proof_option
@recipient_option
@json_option
@pass_context
def postfix(
    context: Context,
    config_dir: Path,
    default_action: str,
    undo: bool,
    yes: bool,
    dry_run: bool,
    proof: bool,
    recipient: str,
    as_json: bool,
) -> int:
    """Wire Postfix: smtpd_milters, non_smtpd_milters and what in master.cf needs an exception.

    filterd comes first among the milters that are there, with a default action of its own; services with
    smtpd_milters of their own keep them. Every step is shown first.
    """
    mta = postfix_side.Postfix(config_dir.resolve())
    ledger = Ledger(context.settings.state_dir, "postfix-" + _mark(mta.folder))
    talk = _Talk(as_json=as_json, yes=yes, dry_run=dry_run)
    try:
        if undo:
            return talk.undo(ledger, lambda done: postfix_side.undo(mta, done), mta.reload)
        plan = postfix_side.plan(mta, context.settings.milter.sockets, default_action)
        if not talk.apply(ledger, plan, silence(context.settings.milter.sockets)):
            return EXIT_OK if dry_run else EXIT_NO
        if not plan.is_empty:
            if complaint := mta.check():
                talk.say(f"postfix check: {complaint}")
            talk.reloaded = mta.reload()
            if not talk.reloaded:
                talk.say("Postfix does not run; it will read this when it starts")
        if proof and (talk.reloaded or mta.is_running):
            me = f"postmaster@{mta.value('myhostname')}"
            return talk.prove(mta.address(), me, recipient or me, context)
    except WireError as error:
        fail(str(error))
    return talk.end(EXIT_OK)


@wire.command()
@click.option(
    "--mc",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/mail/sendmail.mc"),
    show_default=True,
    help="The macro file.",
)
@click.option(
    "--cf",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The file made of it; default sendmail.cf beside it.",
)
@click.option(
    "--default-action",
    type=click.Choice(["tempfail", "accept", "reject"]),
    default="tempfail",
    show_default=True,
    help="What Sendmail does when filterd does not answer.",
)
@click.option(
    "--cf-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=sendmail_side.MACROS,
    show_default=True,
    help="Where Sendmail's macros are.",
)
@click.option(
    "--restart",
    default="",
    metavar="COMMAND",
    help='How the daemon is restarted; default "service sendmail restart" where that exists.',
)
@click.option(
    "--smtp", default="127.0.0.1:25", show_default=True, help="Where the proof is sent."
)
@undo_option
@yes_option
@dry_option
@proof_option
@recipient_option
@json_option
@pass_context
def sendmail(
    context: Context,
    mc: Path,
    cf: Path | None,
    cf_dir: Path,
    default_action: str,
    restart: str,
    smtp: str,
    undo: bool,
    yes: bool,
    dry_run: bool,
    proof: bool,
    recipient: str,
    as_json: bool,
) -> int:
    """Wire Sendmail: an INPUT_MAIL_FILTER line in sendmail.mc, and the sendmail.cf made of it."""
    mc = mc.resolve()
    target = (cf or mc.with_suffix(".cf")).resolve()
    ledger = Ledger(context.settings.state_dir, "sendmail-" + _mark(mc))
    talk = _Talk(as_json=as_json, yes=yes, dry_run=dry_run)
    try:
        if undo:
            return talk.undo(
                ledger, lambda done: sendmail_side.undo(done, cf_dir), lambda: _restart(restart)
            )
        sockets = context.settings.milter.sockets
        plan = sendmail_side.plan(mc, target, sockets, default_action, cf_dir)
        if not talk.apply(ledger, plan, silence(sockets)):
            return EXIT_OK if dry_run else EXIT_NO
        if not plan.is_empty:
            talk.reloaded = _restart(restart)
        if proof and (talk.reloaded or plan.is_empty):
            host, _, port = smtp.rpartition(":")
            me = "postmaster@localhost"
            return talk.prove((host, int(port)), me, recipient or me, context)
    except WireError as error:
        fail(str(error))
    return talk.end(EXIT_OK)


def _mark(path: Path) -> str:
    """A name for the instance: its path is too long for one."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]


def _restart(command: str) -> bool:
    """Restart the daemon; False where nobody said how and there is no service."""
    words = command.split() or ["service", "sendmail", "restart"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        if command:
            raise WireError(f"{command}: {error}") from None
        return False
    if done.returncode and command:
        raise WireError(f"{command}: {done.stderr.strip() or done.returncode}")
    return done.returncode == 0


class _Talk:
    """The dialogue: for a person step by step, as JSON at the end."""

    def __init__(self, *, as_json: bool, yes: bool, dry_run: bool) -> None:
        self._as_json = as_json
        self._yes = yes
        self._dry_run = dry_run
        self._told: dict[str, object] = {"changes": [], "notes": [], "said": []}
        self.reloaded = False

    def say(self, text: str) -> None:
        said = self._told["said"]
        assert isinstance(said, list)
        said.append(text)
        if not self._as_json:
            click.echo(text)

    def apply(self, ledger: Ledger, plan: Plan, warning: str) -> bool:
        """Show the plan and, when it is wanted, make it; False when there is to be no change and no proof."""
        notes = [*plan.notes, warning] if warning else list(plan.notes)
        self._told["notes"] = notes
        self._told["changes"] = [line for change in plan.files for line in change.diff()]
        if not self._as_json:
            for note in notes:
                click.echo(f"note: {note}")
            for change in plan.files:
                for line in change.diff():
                    colour = {"+": "green", "-": "red"}.get(line[:1])
                    click.secho(line, fg=colour)
        if plan.is_empty:
            self.say("nothing to change: filterd is wired")
        if self._dry_run:
            self.end(EXIT_OK)
            return False
        if plan.is_empty:
            return True
        if not self._yes and (self._as_json or not click.confirm("Make this change?")):
            self.say("nothing was changed")
            self.end(EXIT_NO)
            return False
        ledger.push(plan)
        for change in plan.files:
            write(change.path, change.after)
        self.say("changed; `--undo` takes it back")
        return True

    def undo(
        self, ledger: Ledger, take_back: Callable[[Plan], list[str]], reload: Callable[[], bool]
    ) -> int:
        """Take the latest change back."""
        done = ledger.last()
        if done is None:
            self.say("there is nothing to undo")
            return self.end(EXIT_OK)
        for text in take_back(done):
            self.say(text)
        ledger.pop()
        self.say("undone")
        if not reload():
            self.say("the MTA does not run; it will read this when it starts")
        return self.end(EXIT_OK)

    def prove(
        self, address: tuple[str, int], sender: str, recipient: str, context: Context
    ) -> int:
        """Send both messages and judge the answers."""
        try:
            clean, spam = prove(*address, sender, recipient)
        except (OSError, smtplib.SMTPException) as error:
            self.say(f"the MTA at {address[0]}:{address[1]} does not take mail: {error}")
            return self.end(EXIT_NO)
        verdict = judge(clean, spam, observing=context.settings.mode == "observe")
        self._told["proof"] = {p.name: {"code": p.code, "text": p.text} for p in (clean, spam)}
        for proof in (clean, spam):
            self.say(f"{proof.name}: {proof.code} {proof.text}")
        self.say(verdict or "proved: mail goes through filterd")
        if verdict:
            self.say("`--undo` takes the change back meanwhile")
        return self.end(EXIT_NO if verdict else EXIT_OK)

    def end(self, status: int) -> int:
        """The status, and with --json everything that was said."""
        if self._as_json:
            print_json({"ok": status == EXIT_OK, **self._told}, indent=2)
        return status


def silence(sockets: Sequence[Socket]) -> str:
    """What follows when nothing listens where the MTA is to ask; "" when something does."""
    if any(reachable("milter", listen).level is Level.OK for listen in sockets):
        return ""
    where = ", ".join(map(str, sockets))
    return f"nothing answers at {where}: start filterd first, or the default action is what mail gets"


def judge(clean: Proof, spam: Proof, *, observing: bool) -> str:
    """What is wrong with the two answers; "" when they prove the wiring."""
    if 400 <= clean.code < 500 and 400 <= spam.code < 500:
        return (
            "both were deferred: the MTA does not reach filterd (is it running? filterd doctor)"
        )
    if clean.code >= 400:
        return "the clean message was refused; see `filterd why` with the id in the reply"
    if observing:
        return ""
    if spam.code < 400:
        return "GTUBE was accepted: mail does not go through filterd"
    if not spam.why:
        return "GTUBE was refused, but not by filterd: there is no why-id in the reply"
    return ""

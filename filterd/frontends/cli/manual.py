"""manual - filterd(1), written from the commands themselves.

Owns:   manual. deploy/man/filterd.1.md is its output; a test fails when the two differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from filterd.frontends.cli.main import COMMANDS, cli

_HEAD = """\
# filterd(1)

## NAME

filterd - an anti-spam milter for Postfix and Sendmail that says why

## SYNOPSIS

**filterd** [*OPTIONS*] *COMMAND* [*ARGUMENTS*]

## DESCRIPTION

filterd judges mail while the SMTP dialogue lasts: connection, authentication (SPF, DKIM, ARC, DMARC), DNS
lists, greylisting, rules and a classifier give evidence, evidence has points, points and thresholds give
one action. Each verdict has a short why-id, which stands in the SMTP reply, in the log and in the
header of the mail; `filterd why` tells everything about it.

Every command takes `--json` where it has something to tell, and then prints JSON and nothing else.
"""

_TAIL = """\
## EXIT STATUS

0
:   Done; in order; for `scan`: every file would be accepted (or tagged).

1
:   The answer is no: refused or held mail, nothing found, not running, a finding of lint or doctor.

2
:   Wrong usage, unreadable input, or problems in the configuration (each on a line of its own).

75
:   Try again later: an outage of the shared store; for `scan`: the mail would be deferred.

Of several files `scan` gives the worst: 2, then 1, then 75.

## ZONE FILES

`--zone` answers DNS from a file and from nothing else: names that are not there do not exist. It takes zone
text (RFC 1035 section 5): `NAME [TTL] [IN] TYPE DATA`, parentheses, `$ORIGIN`, `$TTL`, comments, wildcards,
CNAME and DNAME; `$INCLUDE` is refused. A name without final dot is below `$ORIGIN`, or absolute where none is set. One
file may hold any number of domains, without SOA or NS. Text need not be quoted or cut at 255 bytes.

    example.org                TXT    "v=spf1 ip4:192.0.2.0/24 -all"
    _dmarc.example.org         TXT    v=DMARC1; p=reject
    s._domainkey.example.org   TXT    ( "v=DKIM1; k=rsa; "
                                        "p=MIIBIjANBg..." )
    1.2.0.192.in-addr.arpa     PTR    mail.example.org

DNS that fails is written as a record too: `TIMEOUT`, `SERVFAIL`, `REFUSED`, `NXDOMAIN` for all of a name that
has no record of its own, with a type behind it for that type only; `NODATA` for a name that exists and has nothing.

    slow.example.org           TIMEOUT
    broken.example.org         SERVFAIL TXT

Lines that cannot be read are named on standard error and left out.

## ENVIRONMENT

FILTERD_CONFIG
:   The main configuration file.

FILTERD_*TABLE*__*KEY*
:   Any setting, see filterd.toml(5).

## FILES

/etc/filterd/filterd.toml, /etc/filterd/conf.d/*.toml
:   Settings; the last one wins, key by key.

/etc/filterd/rules.d/*.toml
:   Rules and scores of your own; those that came along are in /usr/share/filterd/rules.

/var/lib/filterd
:   State: greylist, history, labels and local model; run/status.json and run/metrics of the running service.

## SIGNALS

`filterd serve` stops at SIGTERM and SIGINT when the sessions in progress have ended, and reads everything
anew at SIGHUP: the new workers are up before the old ones leave, and what cannot be read changes nothing. Sessions
that were begun have ten minutes after a reload, 30 s at a stop. Rule files that change are loaded by themselves
(`rules.reload`). Signals are for the process that `filterd status` names, not for its workers.

## LOG

One line a message, the queue-id first (the why-id where there is none):

    4XqZ1k0: from=<a@example.org> to=<b@example.net> nrcpt=1 ip=192.0.2.1 helo=mx.example.org auth=
    spf=pass dkim=pass dmarc=pass score=1.20 required=6 action=accept rules=A(1.0),B(0.2) model= ms=12.3
    why=K7Q2M9XW4T

What is unusual follows: `stage` (an answer before the message), `profile`, `by` (what decided), `would` (in
observe mode), `shadow`, `failed`, `marks`, `delayed`. A blank is `_` in words of ours and `?` in what a
sender wrote, so that every `key=value` is one word. With `log.format = "json"` the same as one object, blanks kept.

## SEE ALSO

filterd.toml(5), postconf(5), smfi_setconn(3)
"""


def manual() -> str:
    """filterd(1) as Markdown."""
    context = click.Context(cli, info_name="filterd")
    lines = [_HEAD, "## OPTIONS", "", *_options(cli, context), "## COMMANDS", ""]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        lines += _command(command, click.Context(command, info_name=name, parent=context))
    return "\n".join([*lines, _TAIL])


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _command(below, click.Context(below, info_name=name, parent=context))
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"### {context.command_path} {usage}".rstrip()
    yield ""
    yield inspect.cleandoc(command.help or "")
    yield ""
    yield from _options(command, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        record = parameter.get_help_record(context)
        if record is None or "--help" in parameter.opts:
            continue
        names, text = record
        yield f"**{names}**"
        yield f":   {' '.join(text.split())}"
        yield ""

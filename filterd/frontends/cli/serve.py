"""serve - `filterd serve`: the milter, and HTTP where it is switched on, in the foreground.

Owns:   the command. Processes are the serve layer's, which the app knows.
"""

from __future__ import annotations

import click

from filterd.frontends.cli.context import Context, pass_context


@click.command()
@pass_context
def serve(context: Context) -> int:
    """Run the milter (and HTTP) in the foreground until SIGTERM or SIGINT.

    SIGHUP reads everything anew and replaces the workers without refusing a connection; what does
    not read leaves the running ones alone and says so.
    """
    return context.app.serve(context.load)

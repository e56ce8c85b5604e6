"""filterd, `python -m filterd` - the command line, given the composition root."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filterd.app import App


def main() -> int:
    """Run the command line and return its exit status."""
    from filterd.frontends.cli.main import run

    return run(_app)


def _app() -> App:
    """The composition root, imported once a command needs it: `filterd --help` does not."""
    from filterd.app import App

    return App()


if __name__ == "__main__":
    sys.exit(main())

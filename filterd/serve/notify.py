"""notify - word to the service manager (sd_notify(3)): ready, reloading, stopping, alive.

Says nothing where NOTIFY_SOCKET is not set.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time


def _send(*lines: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
    ):
        channel.connect(address)
        channel.send("\n".join(lines).encode())


def ready(status: str) -> None:
    """Start-up or reload is complete; `status` is shown by systemctl."""
    _send("READY=1", f"STATUS={status.replace(chr(10), ' ')}")


def reloading() -> None:
    """A reload begins; `ready` ends it."""
    _send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """The end begins."""
    _send("STOPPING=1")


def watchdog() -> None:
    """The master's loop turns."""
    _send("WATCHDOG=1")

"""status - what the running service says of itself: status.json, written by the master.

Owns:   read_status, is_alive, STALE. The master (serve) writes it every second.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_STATUS_BYTES = 4 << 20
STALE = 15.0  # seconds; older than that, nobody writes any more


def read_status(path: Path) -> dict[str, Any] | None:
    """What the master wrote last; None when there is nothing readable."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(MAX_STATUS_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def is_alive(written: Mapping[str, Any], now: float) -> bool:
    """True when the process that wrote it is there and writes still."""
    pid, at = written.get("pid"), written.get("written")
    if not isinstance(pid, int) or not isinstance(at, int | float) or now - at > STALE:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True

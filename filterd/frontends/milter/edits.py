"""edits - edits as data into libmilter calls; what differs between MTAs stands here only.

Rules of this file: fields are inserted after removals, so that occurrence numbers mean the message as it
        arrived. A value's lines are separated by LF; with leading space negotiated we write it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from filterd.core.verdict import DeleteField, Edit, Hold, InsertField, ReplaceField

_LAST = 1_000_000  # beyond any index: at the end of the header


def apply(ctx: Any, edits: Iterable[Edit], *, leading_space: bool) -> None:
    """Ask the MTA for the edits, in order (end-of-message only)."""
    space = " " if leading_space else ""
    for edit in edits:
        match edit:
            case InsertField(name, value, None):
                ctx.addheader(name, space + value)
            case InsertField(name, value, index):
                ctx.addheader(name, space + value, min(index or 0, _LAST))
            case DeleteField(name, occurrence):
                ctx.chgheader(name, occurrence, None)
            case ReplaceField(name, occurrence, value):
                ctx.chgheader(name, occurrence, space + value)
            case Hold(reason):
                ctx.quarantine(reason)
            case _:
                assert_never(edit)

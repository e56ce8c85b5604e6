"""catalogue - every check there is, in the order in which they run where nothing else decides.

Owns:   ALL. Nothing registers itself.
"""

from __future__ import annotations

from filterd.checks import arc, dkim
from filterd.core.check import Check

ALL: tuple[Check, ...] = (
    dkim.CHECK,
    arc.CHECK,
)

"""catalogue - every check there is, in the order in which they run where nothing else decides.

Owns:   ALL. Nothing registers itself.
The order is that of the facts: who connects, who writes, what is signed, what is said; then what is made
of it all (composites), then what only delays (greylist, rates, tarpit), which look at everything.
"""

from __future__ import annotations

from filterd.checks import (
    allow,
    arc,
    classifier,
    composite,
    connection,
    correspondent,
    dkim,
    dmarc,
    greylist,
    helo,
    iprev,
    ratelimit,
    rule,
    sender,
    spf,
    tarpit,
    trap,
)
from filterd.core.check import Check

ALL: tuple[Check, ...] = (
    iprev.CHECK,
    connection.CHECK,
    helo.CHECK,
    spf.CHECK,
    sender.CHECK,
    trap.CHECK,
    dkim.CHECK,
    arc.CHECK,
    dmarc.CHECK,
    allow.CHECK,
    correspondent.CHECK,
    rule.CHECK,
    classifier.CHECK,
    composite.CHECK,
    greylist.CHECK,
    ratelimit.CHECK,
    tarpit.CHECK,
)

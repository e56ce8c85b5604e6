"""catalogue - every check there is, in the order in which they run where nothing else decides.

Owns:   ALL. Nothing registers itself.
The order is that of the facts: who connects, who writes, what is signed, what is said; then what is made
of it all (composites), then what only delays (greylist, rates, tarpit), which look at everything.
"""

from __future__ import annotations

from filterd.checks import (
    allow,
    arc,
    attachment,
    author,
    bounce,
    bulk,
    classifier,
    composite,
    connection,
    correspondent,
    dkim,
    dmarc,
    dnsbl,
    domainlist,
    field,
    greylist,
    gtube,
    helo,
    html,
    iprev,
    link,
    mailer,
    mime,
    ratelimit,
    received,
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
    dnsbl.CHECK,
    helo.CHECK,
    spf.CHECK,
    sender.CHECK,
    trap.CHECK,
    dkim.CHECK,
    arc.CHECK,
    dmarc.CHECK,
    allow.CHECK,
    correspondent.CHECK,
    domainlist.CHECK,
    gtube.CHECK,
    field.CHECK,
    author.CHECK,
    received.CHECK,
    mailer.CHECK,
    mime.CHECK,
    attachment.CHECK,
    html.CHECK,
    link.CHECK,
    bulk.CHECK,
    bounce.CHECK,
    rule.CHECK,
    classifier.CHECK,
    composite.CHECK,
    greylist.CHECK,
    ratelimit.CHECK,
    tarpit.CHECK,
)

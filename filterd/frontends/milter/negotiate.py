"""negotiate - what we ask of the MTA, derived from the checks that are enabled.

Owns:   actions, protocol flags and macro lists (milter protocol 6; sendmail libmilter docs).
A callback at which no enabled check may answer is negotiated without a reply: the MTA does not wait. The
body is the exception: libmilter calls end-of-message only if the body callback, called for the bytes that
may come along with it, has answered "continue".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import milter

from filterd.core.stage import Stage

ACTIONS = milter.ADDHDRS | milter.CHGHDRS | milter.QUARANTINE

# callback name -> (the stage whose checks may answer there, flag for "no reply will come")
REPLIES = {
    "connect": (Stage.CONNECT, milter.P_NR_CONN),
    "helo": (Stage.HELO, milter.P_NR_HELO),
    "mail": (Stage.MAIL, milter.P_NR_MAIL),
    "rcpt": (Stage.RCPT, milter.P_NR_RCPT),
    "header": (None, milter.P_NR_HDR),
    "eoh": (None, milter.P_NR_EOH),
}

NOT_WANTED = milter.P_NODATA | milter.P_NOUNKNOWN

# The queue-id is known at EOH at the latest. At EOM nothing is asked for: over TCP Sendmail waits 40 ms
# for the acknowledgement of macros before it sends the command they belong to.
MACROS = {
    milter.M_CONNECT: "j {daemon_name} {daemon_port} {client_addr}",
    milter.M_HELO: "{tls_version}",
    milter.M_ENVFROM: "i {auth_authen} {auth_type} {tls_version}",
    milter.M_ENVRCPT: "i",
    milter.M_EOH: "i",
    milter.M_EOM: "",
}


def quiet(stages: Iterable[Stage]) -> dict[str, int]:
    """Callbacks that need no reply when only `stages` may answer, with their flags."""
    answering = frozenset(stages)
    return {name: flag for name, (stage, flag) in REPLIES.items() if stage not in answering}


def settle(ctx: Any, offer: list[int], stages: Iterable[Stage]) -> frozenset[str]:
    """Change the MTA's offer into our answer; return the callbacks that are quiet in fact.

    `offer` is [actions, protocol steps, 0, 0] as libmilter hands it over. Quiet callbacks and
    leading space are only asked for where the MTA offers them.
    """
    actions, steps = offer[0], offer[1]
    if actions & milter.SETSYMLIST:
        for stage, names in MACROS.items():
            ctx.setsymlist(stage, names)
    offer[0] = actions & (ACTIONS | milter.SETSYMLIST)
    asked = quiet(stages)
    wanted = NOT_WANTED | milter.P_HDR_LEADSPC
    for flag in asked.values():
        wanted |= flag
    offer[1] = steps & wanted
    offer[2] = offer[3] = 0
    granted = {name for name, flag in asked.items() if steps & flag}
    if steps & milter.P_HDR_LEADSPC:
        granted.add("leading-space")
    return frozenset(granted)

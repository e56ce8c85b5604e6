"""receivedspf - the Received-SPF field of an evaluation (RFC 7208 9.1).

Owns:   received_spf.
Not here: evaluation (auth.spf), whether the field is added (checks.spf).
Rules of this file: nothing that a client or a domain's owner says can end a value or the field early.
"""

from __future__ import annotations

import re

from filterd.auth.spf import Evaluation, printable
from filterd.core.transaction import Address

_DOT_ATOM = re.compile(r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]+\Z")

_WORDS = {
    "pass": "Pass",
    "fail": "Fail",
    "softfail": "SoftFail",
    "neutral": "Neutral",
    "none": "None",
    "temperror": "TempError",
    "permerror": "PermError",
}


def received_spf(
    evaluation: Evaluation, client: Address, reverse_path: str, helo: str, receiver: str
) -> str:
    """Return the body of a Received-SPF field (9.1) on one line; nothing in it can end it early."""
    result = evaluation.result
    comment = re.sub(r"([()\\])", r"\\\1", printable(result.comment))
    pairs = [
        ("receiver", receiver),
        ("identity", evaluation.identity),
        ("client-ip", str(client)),
        ("envelope-from", reverse_path if evaluation.identity == "mailfrom" else ""),
        ("helo", helo),
        ("mechanism", evaluation.mechanism),
        ("problem", result.reason if result.result in {"permerror", "temperror"} else ""),
    ]
    shown = "; ".join(f"{key}={_quoted(value)}" for key, value in pairs if value)
    return f"{_WORDS[result.result]} ({comment}) {shown}"


def _quoted(text: str) -> str:
    text = printable(text)
    if _DOT_ATOM.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""feedback - what is reported of one message to the owner of its author domain.

Owns:   seen, disposition_of: an evaluation and what was done about it, in the words of RFC 9990.
Not here: where it waits (store.dmarc), the report (auth.report).
RFC 9990 sections 3.1.1.9 to 3.1.1.15, 3.1.3, 3.1.6.
"""

from __future__ import annotations

from collections.abc import Sequence

from filterd.auth.dmarc import Evaluation
from filterd.auth.record import Policy, Record
from filterd.core.stores import DmarcSeen
from filterd.mail.authres import AuthResult

MAX_SIGNATURES = 100  # of one record, RFC 9990 3.1.3
MAX_HUMAN = 200  # characters of a reason
_OVERRIDES = frozenset({"mailing_list", "trusted_forwarder", "local_policy"})


def seen(
    evaluation: Evaluation,
    record: Record,
    results: Sequence[AuthResult],
    *,
    source: str,
    envelope_from: str,
    disposition: str,
    reasons: tuple[tuple[str, str], ...],
) -> DmarcSeen:
    """What is reported of one message."""
    signatures = sorted(
        (
            (
                result.get("header.d").lower(),
                result.get("header.s"),
                result.result,
                result.reason[:MAX_HUMAN],
            )
            for result in results
            if result.method == "dkim" and result.get("header.d") and result.get("header.s")
        ),
        key=lambda item: (item[2] != "pass", item[0] != evaluation.author),
    )
    identity = "smtp.mailfrom" if envelope_from else "smtp.helo"
    spf = next((r for r in results if r.method == "spf" and r.get(identity)), None)
    checked = ("", "", "")
    if spf is not None:
        domain = spf.get(identity).rpartition("@")[2].lower()
        checked = (domain, spf.result, spf.reason[:MAX_HUMAN])
    return DmarcSeen(
        policy_domain=evaluation.policy_domain,
        record=record.text,
        source=source,
        header_from=evaluation.author,
        envelope_from=envelope_from,
        disposition=disposition,
        dkim="pass" if evaluation.is_aligned("dkim") else "fail",
        spf="pass" if evaluation.is_aligned("spf") else "fail",
        reasons=reasons,
        signatures=tuple(signatures[:MAX_SIGNATURES]),
        spf_checked=checked,
    )


def disposition_of(
    evaluation: Evaluation, handling: str, excuse: str, detail: str
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What was done with a message in the words of RFC 9990, and why that is not the policy.

    `handling` is "reject", "quarantine", "score" or "ignore"; a score marks the message as quarantine does.
    """
    wanted = evaluation.policy.text
    if evaluation.result != "fail":
        return ("pass" if evaluation.policy is not Policy.NONE else "none"), ()
    reasons: list[tuple[str, str]] = []
    record = evaluation.record
    if record is not None and record.is_testing:
        reasons.append(("policy_test_mode", "t=y"))
    if evaluation.policy is Policy.NONE:
        return "none", tuple(reasons)
    if excuse:
        kind = excuse if excuse in _OVERRIDES else "local_policy"
        return "none", (*reasons, (kind, detail))
    done = {"reject": "reject", "quarantine": "quarantine", "score": "quarantine"}.get(
        handling, "none"
    )
    if done != wanted:
        reasons.append(("local_policy", f"{handling} here"))
    return done, tuple(reasons)

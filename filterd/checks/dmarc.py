"""dmarc - is the author domain's wish met, and what do we do where it is not (RFC 9989)?

Owns:   symbols DMARC_*; the admin's table of dispositions; the record for aggregate reports.
Asks:   the tree walk of each author domain and of identifiers within the same organization, announced
        when the header is complete.
Not here: evaluation (auth.dmarc), reading From (auth.author), reports (auth.report).

RFC 9989 7.4: a receiver must not reject solely because of p=reject. What is known beside the policy is
the way the message came: mail that shows a mediator (list fields, an ARC set, SRS, Resent fields) is
never rejected here by default, nor is what a trusted sealer vouches for; mail straight from the client is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from pydantic import Field

from filterd.auth import arc, dmarc
from filterd.auth.author import author_domains, evaluate_message
from filterd.auth.dkim import signing_domains
from filterd.auth.dmarc import Evaluation
from filterd.auth.feedback import disposition_of, seen
from filterd.auth.record import Policy
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.errors import StoreUnavailable
from filterd.core.evidence import AuthResult, Evidence, Failure, Hit, Property, Proposal
from filterd.core.lookup import Question
from filterd.core.settings import Flag
from filterd.core.stage import Stage
from filterd.core.stores import DmarcReportStore
from filterd.core.transaction import Transaction
from filterd.core.verdict import Action, Reply
from filterd.mail.domain import to_alabel

Handling = Literal["reject", "quarantine", "score", "ignore"]


class Settings(CheckSettings):
    """`[checks.dmarc]`: what a failure leads to. "score" leaves it to the symbol's score."""

    reject: Handling = Field(
        default="reject",
        description="Mail straight from its sender that fails under a policy of reject.",
    )
    quarantine: Handling = Field(
        default="score",
        description="Mail that fails under a policy of quarantine. `quarantine` holds it in the MTA.",
    )
    mediated: Handling = Field(
        default="score",
        description="Failing mail that came through a mailing list or forwarder, under any policy.",
    )
    sealed: Handling = Field(
        default="ignore",
        description="Failing mail whose ARC chain is sealed by `trusted_sealers` that saw it pass.",
    )
    authenticated: Literal["skip", "reject", "quarantine", "score", "ignore"] = Field(
        default="skip",
        description="Mail of authenticated and local clients; `skip` does not evaluate DMARC for it.",
    )
    trusted_sealers: tuple[str, ...] = Field(
        default=(),
        description="Domains (d= of ARC-Seal) whose account of what they received is believed.",
    )
    partial_signatures: Flag = Field(
        default=False,
        description="Whether a DKIM signature counts that leaves part of the body unsigned (l=).",
    )


# Result (and for a failure the policy after sp=, np= and t=) -> symbol.
SYMBOLS = {
    ("pass", None): "DMARC_PASS",
    ("none", None): "DMARC_NONE",
    ("temperror", None): "DMARC_TEMPERROR",
    ("permerror", None): "DMARC_PERMERROR",
    ("fail", Policy.NONE): "DMARC_FAIL_NONE",
    ("fail", Policy.QUARANTINE): "DMARC_FAIL_QUARANTINE",
    ("fail", Policy.REJECT): "DMARC_FAIL_REJECT",
}
# Why a failure is not treated by its policy -> symbol, in place of the one above.
EXCUSED = {
    "mailing_list": "DMARC_FAIL_LIST",
    "forwarded": "DMARC_FAIL_FORWARDED",
    "trusted_forwarder": "DMARC_FAIL_SEALED",
    "local_policy": "DMARC_FAIL_LOCAL",
}
# What is wrong with From itself -> symbol, beside the one of the result.
FLAWS = {
    "missing": "DMARC_AUTHOR_MISSING",
    "unclear": "DMARC_AUTHOR_UNCLEAR",
    "many": "DMARC_AUTHORS_MANY",
}


@dataclass(frozen=True, slots=True)
class Disposition:
    """What is done about a failure, why it is not the policy, and in words."""

    handling: Handling
    excuse: str = ""  # a key of EXCUSED, "" where the policy is followed
    detail: str = ""


def questions(tx: Transaction, settings: Settings) -> Iterable[Question]:
    """The tree walks of the author domains, and of what may align with them."""
    if _is_skipped(tx, settings):
        return
    path = to_alabel(tx.envelope.domain or tx.session.helo)
    others = (*signing_domains(tx.message.header), *([path] if path else []))
    found = (dmarc.questions(domain, others) for domain in author_domains(tx.message).domains)
    yield from dict.fromkeys(chain.from_iterable(found))


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Yield the dmarc result, its symbols, and a Proposal where the table says so."""
    if _is_skipped(tx, settings):
        return
    authors = author_domains(tx.message)
    known = dmarc.identifiers(
        (*tx.auth("spf"), *tx.auth("dkim")),
        tx.envelope.reverse_path,
        allow_partial=settings.partial_signatures,
    )
    evaluation = evaluate_message(authors, known, services.ask)
    disposition = dispose(evaluation, tx, settings)
    yield AuthResult(
        "dmarc",
        evaluation.result,
        evaluation.reason,
        tuple(_properties(evaluation)),
        _comment(evaluation, disposition),
    )
    yield from _hits(evaluation, disposition)
    if authors.kind:
        yield Hit(FLAWS[authors.kind], detail=authors.flaw)
    yield from _proposals(evaluation, disposition)
    if services.reports is not None:
        yield from _report(tx, evaluation, disposition, services.reports, services.clock.now())


def _report(
    tx: Transaction,
    evaluation: Evaluation,
    disposition: Disposition,
    reports: DmarcReportStore,
    now: float,
) -> Iterator[Failure]:
    """Count the message for the owner's aggregate report, where one is asked for (rua=)."""
    record, client = evaluation.record, tx.session.client
    if record is None or not record.rua or evaluation.result not in ("pass", "fail"):
        return
    if client is None:  # source_ip is required (RFC 9990 3.1.1.9)
        return
    done, reasons = disposition_of(
        evaluation, disposition.handling, disposition.excuse, disposition.detail
    )
    line = seen(
        evaluation,
        record,
        (*tx.auth("spf"), *tx.auth("dkim")),
        source=str(client),
        envelope_from=tx.envelope.domain,
        disposition=done,
        reasons=reasons,
    )
    try:
        reports.add(line, now)
    except StoreUnavailable as error:  # the verdict does not depend on it
        yield Failure("dmarc", f"not counted for a report: {error}")


def _is_skipped(tx: Transaction, settings: Settings) -> bool:
    is_ours = tx.session.is_authenticated or tx.session.is_local
    return is_ours and settings.authenticated == "skip"


# -- disposition ----------------------------------------------------------------------------


def dispose(evaluation: Evaluation, tx: Transaction, settings: Settings) -> Disposition:
    """Return what the admin's table says of that evaluation."""
    if evaluation.result != "fail" or evaluation.policy is Policy.NONE:
        return Disposition(
            "score"
        )  # p=none MUST NOT modify handling (5.4); its symbol scores 0
    if settings.authenticated != "skip" and (
        tx.session.is_authenticated or tx.session.is_local
    ):
        return Disposition(settings.authenticated, "local_policy", "our own client")
    sealer = _vouching_sealer(tx, settings)
    if sealer:
        return Disposition(settings.sealed, "trusted_forwarder", sealer)
    excuse, detail = mediator(tx)
    if excuse:
        return Disposition(settings.mediated, excuse, detail)
    wanted = settings.reject if evaluation.policy is Policy.REJECT else settings.quarantine
    return Disposition(wanted)


def _vouching_sealer(tx: Transaction, settings: Settings) -> str:
    """The trusted sealer whose own account says that DMARC passed when it received the message."""
    found = tx.auth("arc")
    if not settings.trusted_sealers or not found or found[0].result != "pass":
        return ""
    chain = arc.Chain("pass", sets=arc.read_sets(tx.message.header))
    return arc.vouching_sealer(chain, tx.message, settings.trusted_sealers)


def mediator(tx: Transaction) -> tuple[str, str]:
    """Return ("mailing_list" | "forwarded" | "", trace): what shows that mail came by way of others."""
    header = tx.message.header
    for name in ("list-id", "list-post", "x-mailing-list", "mailing-list"):
        if name in header:
            return "mailing_list", name
    if header.value("precedence").lower() == "list":
        return "mailing_list", "precedence"
    if tx.envelope.reverse_path.lower().startswith(("srs0", "srs1")):
        return "forwarded", "SRS reverse-path"
    for name in ("arc-seal", "resent-from", "resent-sender"):
        if name in header:
            return "forwarded", name
    return "", ""


# -- evidence -------------------------------------------------------------------------------


def _properties(evaluation: Evaluation) -> Iterator[Property]:
    if evaluation.author:
        yield Property("header", "from", evaluation.author)
    if evaluation.record is not None:
        yield Property("policy", "dmarc", evaluation.policy.text)
    if evaluation.historic:
        yield Property("policy", "rfc7489", evaluation.historic)


def _comment(evaluation: Evaluation, disposition: Disposition) -> str:
    """The published policy and what became of it: "p=reject sp=none dis=none list-id"."""
    record = evaluation.record
    if record is None:
        return ""
    words = [f"p={record.p.text}"]
    words += [f"sp={record.sp.text}"] if record.sp is not None else []
    words += [f"np={record.np.text}"] if record.np is not None else []
    words += ["t=y"] if record.is_testing else []
    if evaluation.policy_domain != evaluation.author:
        words.append(f"at {evaluation.policy_domain}")
    if disposition.excuse:
        words.append(f"dis={disposition.handling} {disposition.excuse} by {disposition.detail}")
    return " ".join(words)


def _hits(evaluation: Evaluation, disposition: Disposition) -> Iterator[Hit]:
    if disposition.excuse:
        symbol = EXCUSED[disposition.excuse]
    else:
        policy = evaluation.policy if evaluation.result == "fail" else None
        symbol = SYMBOLS[evaluation.result, policy]
    detail = f"{evaluation.author} {evaluation.policy.text}" if evaluation.author else ""
    yield Hit(
        symbol, detail=" ".join(filter(None, (detail, disposition.detail or evaluation.reason)))
    )
    if evaluation.historic:
        yield Hit("DMARC_RFC7489_DIFFERS", detail=evaluation.historic)


def _proposals(evaluation: Evaluation, disposition: Disposition) -> Iterator[Proposal]:
    if evaluation.result != "fail" or disposition.handling in ("score", "ignore"):
        return
    symbol = EXCUSED.get(disposition.excuse) or SYMBOLS["fail", evaluation.policy]
    text = f"Email rejected per DMARC policy for {evaluation.author}"
    if disposition.handling == "reject":
        yield Proposal(Action.REJECT, symbol, Reply(550, "5.7.26", text), evaluation.author)
    else:
        held = Reply(250, "2.7.1", f"Held per DMARC policy for {evaluation.author}")
        yield Proposal(Action.QUARANTINE, symbol, held, evaluation.author)


CHECK = Check(
    name="dmarc",
    stage=Stage.HEADER,
    settings=Settings,
    symbols=(
        *SYMBOLS.values(),
        *EXCUSED.values(),
        *FLAWS.values(),
        "DMARC_RFC7489_DIFFERS",
    ),
    questions=questions,
    run=run,
    after=("spf", "dkim", "arc"),
)

"""author - which author domains DMARC is asked about, and one answer for all of them.

Owns:   author_domains, evaluate_message: From fields that RFC 9989 leaves out of scope (4.2, 5.3.1)
        get a defined outcome here, and none of them passes by being odd (11.5).
Asks:   through auth.dmarc, for at most `limits.author_domains` domains.
Not here: reading the field (mail.address), one domain's evaluation (auth.dmarc).

    From                                      outcome
    one domain                                its own result
    several domains                           the strictest failure; no pass unless each passes
    more domains than the limit               as above, permerror where nothing failed
    several fields                            as several domains; never better than permerror
    none, empty, no domain in it              permerror "no author domain"
    an address literal, a name DNS cannot hold    permerror, unless another domain fails
    a name in bytes that are no UTF-8         never better than permerror
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from filterd.auth.dmarc import Evaluation, Identifier, evaluate
from filterd.core.lookup import Ask
from filterd.limits import LIMITS, Limits
from filterd.mail.message import Message

_WORST_FIRST = ("fail", "temperror", "permerror", "none", "pass")


@dataclass(frozen=True, slots=True)
class Authors:
    """The author domains to be asked about, and why the message cannot pass whatever they say."""

    domains: tuple[str, ...]
    kind: str = ""  # of the flaw: "", "missing", "unclear", "many"
    flaw: str = ""


def author_domains(message: Message, limits: Limits = LIMITS) -> Authors:
    """Return the distinct author domains in order, bounded, with what is wrong with From."""
    read = message.author
    named = read.domains
    domains = tuple(domain for domain in named if not domain.startswith("["))
    kind = flaw = ""
    if not domains:
        kind, flaw = "missing", "no author domain in From"
    elif "too-many" in read.defects or len(domains) > limits.author_domains:
        kind, flaw = "many", f"more than {limits.author_domains} author domains"
    elif "several-fields" in read.defects:
        kind, flaw = "unclear", "several From fields"
    elif len(domains) < len(named):
        kind, flaw = "unclear", "address literal in From"
    elif {"undecodable", "bad-domain"} <= read.defects:  # which letters, every reader guesses
        kind, flaw = "unclear", "author domain is not UTF-8"
    return Authors(domains[: limits.author_domains], kind, flaw)


def evaluate_message(authors: Authors, known: Sequence[Identifier], ask: Ask) -> Evaluation:
    """Return the evaluation that counts: of several, the strictest that fails (RFC 9989 11.5)."""
    evaluations = [evaluate(domain, known, ask) for domain in authors.domains]
    if not evaluations:
        return Evaluation("", "permerror", authors.flaw)
    worst = min(evaluations, key=lambda one: (_WORST_FIRST.index(one.result), -one.policy))
    if authors.flaw and worst.result in ("pass", "none"):
        return replace(worst, result="permerror", reason=authors.flaw)
    if len(evaluations) > 1:
        others = ", ".join(f"{one.author}={one.result}" for one in evaluations)
        return replace(worst, reason=f"{worst.reason}; {others}".removeprefix("; "))
    return worst

"""dmarc - does the author domain answer for this message? Policy, alignment, the result.

Owns:   Identifier, identifiers, Evaluation, evaluate, questions.
Asks:   at most eight TXT of _dmarc names for a walk; one walk for the author domain, one for each
        identifier that lies within its organizational domain; A of the author domain where np= counts.
Not here: the walk itself (auth.walk), From (auth.author), what is done about a failure (checks.dmarc).
RFC 9989 sections 4.10, 5.3; beside it the answer of RFC 7489 by the public suffix list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from filterd.auth.record import Policy, Record
from filterd.auth.walk import (
    MAX_NAME,
    Found,
    TemporaryFailure,
    Walk,
    organizational_domain,
    record_at,
    record_question,
    targets,
    walk,
)
from filterd.core.lookup import Ask, Question, RRType, Status, question
from filterd.mail.authres import AuthResult
from filterd.mail.domain import organizational, to_alabel

MAX_NAMED = 4  # identifiers named in a reason


@dataclass(frozen=True, slots=True)
class Identifier:
    """A domain that SPF or DKIM spoke of; `result` is "pass", or "temperror"/"neutral" (unknown)."""

    method: str
    domain: str
    result: str = "pass"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What DMARC says for one author domain.

    `policy` is the owner's wish after sp=, np= and t=; `policy_domain` is where the record was found;
    `historic` is what RFC 7489 says ("fail/reject"), empty where it says the same.
    """

    author: str
    result: str
    reason: str = ""
    policy: Policy = Policy.NONE
    record: Record | None = None
    policy_domain: str = ""
    organizational: str = ""
    aligned: tuple[Identifier, ...] = ()
    exists: bool = True
    historic: str = ""

    def is_aligned(self, method: str) -> bool:
        """Whether an identifier of that method passed in alignment."""
        return any(i.method == method and i.result == "pass" for i in self.aligned)


def _policy_record(walked: Walk) -> Found | None:
    """The record that applies: the author's own, else its organization's, else the PSD's."""
    own = walked.at(walked.start)
    if own is not None:
        return own
    at_organization = walked.at(organizational_domain(walked))
    if at_organization is not None:
        return at_organization
    return next((found for found in walked.found if found.record.psd == "y"), None)


def questions(author: str, others: Iterable[str] = ()) -> Iterator[Question]:
    """What an evaluation for that author domain asks; `others` may turn out to be identifiers.

    Those of the author's organization by the public suffix list are walked as well (the list is good
    enough to ask early, and only to ask early).
    """
    organization = organizational(author)
    near = [other for other in others if organizational(other) == organization]
    names = dict.fromkeys(
        name for domain in dict.fromkeys((author, *near)) for name in targets(domain)
    )
    for name in names:
        if len(name) <= MAX_NAME:
            yield record_question(name)
    if organization != author:
        yield question(author, RRType.A)  # np=


def identifiers(
    results: Iterable[AuthResult], reverse_path: str, *, allow_partial: bool = False
) -> tuple[Identifier, ...]:
    """The domains that SPF (MAIL FROM; HELO for the null reverse-path) and DKIM authenticated.

    Those whose check could not be finished come along with their result. A DKIM pass that leaves
    part of the body unsigned (policy.partial) counts only where `allow_partial` says so.
    """
    name = "smtp.mailfrom" if reverse_path else "smtp.helo"
    found = []
    for result in results:
        if result.result not in ("pass", "temperror", "neutral"):
            continue
        if result.method == "spf" and result.result != "neutral":
            value = result.get(name).rpartition("@")[2]
        elif result.method == "dkim" and (allow_partial or not result.get("policy.partial")):
            value = result.get("header.d")
        else:
            continue
        domain = to_alabel(value) if value else None
        if domain:
            found.append(Identifier(result.method, domain, result.result))
    return tuple(found)


class _Alignment:
    """Whether identifiers align with one author domain; walks no further than it must."""

    def __init__(self, author: str, walked: Walk, record: Record, ask: Ask) -> None:
        self._author = author
        self._walked = walked
        self._record = record
        self._ask = ask

    def holds(self, identifier: Identifier) -> bool:
        """True in strict or relaxed alignment as the record asks; TemporaryFailure if unknown."""
        domain = identifier.domain
        if domain == self._author:
            return True
        strict = (
            self._record.strict_spf if identifier.method == "spf" else self._record.strict_dkim
        )
        if strict:
            return False
        if not _share_a_label(domain, self._author):
            return False
        if self._walked.failed:
            raise TemporaryFailure(self._walked.failed)
        organization = organizational_domain(self._walked)
        # A domain's organizational domain is the domain or above it, so one that does not lie
        # within the author's cannot have the same: no walk, no questions.
        if domain != organization and not domain.endswith("." + organization):
            return False
        other = walk(domain, self._ask)
        if other.failed:
            raise TemporaryFailure(other.failed)
        return organizational_domain(other) == organization


def _share_a_label(one: str, other: str) -> bool:
    return one.rpartition(".")[2] == other.rpartition(".")[2]


def evaluate(author: str, known: Sequence[Identifier], ask: Ask) -> Evaluation:
    """Return the DMARC result for one author domain (A-labels, lower case).

    Temporary DNS trouble gives "temperror" wherever it could have changed the result, never "fail"
    (RFC 9989 5.3.6).
    """
    walked = walk(author, ask)
    applied = walked.at(author)
    if applied is None and walked.failed:
        return _unknown(author, walked.failed)
    applied = applied or _policy_record(walked)
    if applied is None:
        return _with_history(Evaluation(author, "none", "no DMARC record"), known, ask)
    record = applied.record
    if not record.applies:
        reason = f"record of {applied.domain} has no valid policy and no rua"
        return Evaluation(author, "none", reason, policy_domain=applied.domain)
    alignment = _Alignment(author, walked, record, ask)
    aligned: list[Identifier] = []
    trouble = ""
    for identifier in known:
        try:
            if alignment.holds(identifier):
                aligned.append(identifier)
        except TemporaryFailure as failure:
            trouble = str(failure)
    organization = "" if walked.failed else organizational_domain(walked)
    result, reason = _result(aligned, known, trouble)
    policy, exists, unknown = _policy(author, applied, ask)
    if unknown and result == "fail":
        result, reason = "temperror", f"DNS: {unknown}"
    evaluation = Evaluation(
        author,
        result,
        reason,
        policy,
        record,
        applied.domain,
        organization,
        tuple(aligned),
        exists,
    )
    return _with_history(evaluation, known, ask)


def _unknown(author: str, name: str) -> Evaluation:
    return Evaluation(author, "temperror", f"DNS: {name}")


def _result(
    aligned: Sequence[Identifier], known: Sequence[Identifier], trouble: str
) -> tuple[str, str]:
    """The result of the identifiers in alignment, and its reason."""
    states = {identifier.result for identifier in aligned}
    if "pass" in states:
        return "pass", ""
    if trouble:
        return "temperror", f"DNS: {trouble}"
    for state, result in (("temperror", "temperror"), ("neutral", "permerror")):
        if state in states:
            which = next(i for i in aligned if i.result == state)
            return result, f"{which.method} of {which.domain} could not be evaluated"
    passed = dict.fromkeys(
        f"{one.method} {one.domain}" for one in known if one.result == "pass"
    )
    if not passed:
        return "fail", "neither SPF nor DKIM passed"
    return "fail", f"not aligned: {', '.join(list(passed)[:MAX_NAMED])}"


def _policy(author: str, applied: Found, ask: Ask) -> tuple[Policy, bool, str]:
    """The policy after sp=, np= and t=, whether the author domain exists, and what was not answered."""
    record = applied.record
    is_subdomain = applied.domain != author
    exists, unknown = True, ""
    if (
        is_subdomain
        and record.np is not None
        and record.np != (record.p if record.sp is None else record.sp)
    ):
        status = ask(question(author, RRType.A)).status
        exists = status is not Status.NXDOMAIN
        unknown = author if status is Status.TEMPFAIL else ""
    policy = record.policy_for(is_subdomain=is_subdomain, exists=exists)
    return (policy.lowered if record.is_testing else policy), exists, unknown


# -- RFC 7489 -------------------------------------------------------------------------------


def _with_history(evaluation: Evaluation, known: Sequence[Identifier], ask: Ask) -> Evaluation:
    """Add what RFC 7489 would have said, where that is something else."""
    if evaluation.result not in ("pass", "fail", "none"):
        return evaluation
    try:
        result, policy = _evaluate_7489(evaluation.author, known, ask)
    except TemporaryFailure:
        return evaluation
    is_same = result == evaluation.result and (
        result != "fail" or policy == evaluation.policy.text
    )
    if is_same:
        return evaluation
    historic = f"{result}/{policy}" if policy else result
    return replace(evaluation, historic=historic)


def _evaluate_7489(author: str, known: Sequence[Identifier], ask: Ask) -> tuple[str, str]:
    """Result and policy by RFC 7489 6.6: the author's record, else that of its PSL organization."""
    organization = organizational(author)
    record = record_at(author, ask)
    is_subdomain = record is None and organization != author
    if is_subdomain:
        record = record_at(organization, ask)
    if record is None or not record.applies:
        return "none", ""
    for identifier in known:
        strict = record.strict_spf if identifier.method == "spf" else record.strict_dkim
        is_aligned = identifier.domain == author or (
            not strict and organizational(identifier.domain) == organization
        )
        if is_aligned and identifier.result == "pass":
            return "pass", record.p.text
    policy = record.policy_for(is_subdomain=is_subdomain, exists=True).text
    return "fail", f"{policy}, pct={record.pct}" if record.pct < 100 else policy

"""replay - recorded verdicts judged anew by changed rules: who would be refused, tagged, released.

Owns:   Changed, rejudge, needs_messages.
Not here: judging messages (scanner), reading records (store).
A record has hits and results, no body: new scores, groups, switches and composites over symbols and results can be
applied to it; a pattern that is new, or reads something else, cannot. `needs_messages` names such rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from filterd.core.evidence import Evidence, Hit, Proposal
from filterd.core.history import VerdictRecord
from filterd.core.stage import Stage
from filterd.core.transaction import Envelope, Session, Transaction, client_address
from filterd.core.verdict import Action, Reply
from filterd.mail.message import Message
from filterd.ruleset import RuleSet
from filterd.ruleset.composite import FACTS, METHODS, Facts
from filterd.ruleset.expr import Name
from filterd.scan.policy import Decision, decide
from filterd.scan.score import ScoreTable

# What an expression may read that a record has too.
_KEPT = frozenset(
    {
        *METHODS,
        "client",
        "client.name",
        "helo",
        "mail_from",
        "mail_from.domain",
        "authenticated",
    }
)


@dataclass(frozen=True, slots=True)
class Changed:
    """A verdict that would be another."""

    record: VerdictRecord
    before: Action
    action: Action
    score: float
    decisive: str


def needs_messages(old: RuleSet, new: RuleSet) -> list[str]:
    """Rules of the new set whose hits a record cannot tell."""
    found = []
    for name, rule in new.declared.rules.items():
        if name in new.declared.disabled:
            continue
        before = old.declared.rules.get(name)
        is_same = (
            before is not None
            and name not in old.declared.disabled
            and (before.where, before.match, before.unless, before.count, before.when)
            == (rule.where, rule.match, rule.unless, rule.count, rule.when)
            and (before.lists, before.entries) == (rule.lists, rule.entries)
        )
        if not is_same and not (rule.when and _is_kept(new, name)):
            found.append(name)
    return sorted(found)


def _is_kept(rules: RuleSet, name: str) -> bool:
    """Whether the composite reads nothing but what a record has."""
    composite = rules.program.composites.get(name)
    if composite is None:
        return False
    terms = [term.name for term in composite.expression.walk() if isinstance(term, Name)]
    return not any(
        term.startswith("_") or (term in FACTS and term not in _KEPT) for term in terms
    )


def rejudge(record: VerdictRecord, old: RuleSet, new: RuleSet) -> Changed | None:
    """What the new rules would make of it; None where the action stays.

    Both sets judge the record, so that what has changed since it was made changes nothing here.
    """
    if record.stage != "eom":
        return None
    before, _ = _judged(record, old, old)
    after, score = _judged(record, old, new)
    if after.action is before.action:
        return None
    return Changed(record, before.action, after.action, score, after.decisive)


def _judged(record: VerdictRecord, old: RuleSet, new: RuleSet) -> tuple[Decision, float]:
    """The decision and the score by the new rules, of what the old ones found."""
    evidence: list[Evidence] = [*_hits(record, old, new), *record.auth_results]
    table = ScoreTable(new.scores, new.groups)
    tx = _transaction(record, evidence)
    symbols = {item.symbol for item in evidence if isinstance(item, Hit)}
    facts = Facts(tx, symbols, table.points(evidence), _groups(new))
    for name, item in new.program.composites.items():
        if not _is_kept(new, name):
            continue
        if item.expression.is_true(facts.get, facts.functions):
            facts.hits.add(name)
            if not name.startswith("_"):
                evidence.append(Hit(name))
    for name in sorted(facts.hits):
        proposal = new.program.proposal(name, "")
        if proposal is not None:
            evidence.append(proposal)
    kept = _kept_proposal(record, old)
    if kept is not None:
        evidence.append(kept)
    _, score = table.apply(evidence)
    return decide(evidence, score, record.thresholds, allow_discard=True), score


def _hits(record: VerdictRecord, old: RuleSet, new: RuleSet) -> Iterator[Hit]:
    """The recorded hits, with the weights they had; without those that the new rules make anew."""
    for hit in record.hits:
        name = hit.symbol
        was_rule = name in old.declared.rules
        is_gone = was_rule and (name not in new.declared.rules or name in new.declared.disabled)
        if name == "GROUP_CAP" or is_gone or _is_kept(new, name):
            continue
        before = old.scores.get(name)
        weight = hit.points / before.points if before and before.points and hit.points else 1.0
        yield Hit(name, hit.detail, weight)


def _groups(rules: RuleSet) -> dict[str, str]:
    return {name: score.group for name, score in rules.scores.items()}


def _kept_proposal(record: VerdictRecord, old: RuleSet) -> Proposal | None:
    """What a check asked for, or the lack of a reason that rules could change."""
    asked = record.would or record.action
    by_score = not record.decisive or record.decisive.startswith("score ")
    if by_score or record.decisive in old.declared.rules:
        return None
    return Proposal(asked, record.decisive, record.reply or Reply(250, "2.0.0", ""))


def _transaction(record: VerdictRecord, evidence: list[Evidence]) -> Transaction:
    return Transaction(
        session=Session(
            client=client_address(record.client),
            client_name=record.client_name,
            helo=record.helo,
            auth_user=record.auth_user,
            tls=record.tls,
        ),
        envelope=Envelope(reverse_path=record.sender, recipients=record.recipients),
        message=Message.from_bytes(b""),
        stage=Stage.EOM,
        evidence=evidence,
    )

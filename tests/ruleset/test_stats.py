"""What rules did to recorded mail."""

from __future__ import annotations

from filterd.core.history import VerdictRecord
from filterd.core.verdict import Action, ScoredHit
from filterd.ruleset.stats import usage


def record(
    action: Action, score: float, *hits: tuple[str, float], **more: object
) -> VerdictRecord:
    return VerdictRecord(
        "W", 0.0, action, score,
        thresholds=(("tag", 6.0),), hits=tuple(ScoredHit(*hit) for hit in hits), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_hits_are_shared_out_to_spam_and_ham() -> None:
    found = usage(
        [
            record(Action.TAG, 7.0, ("A", 5.0), ("B", 2.0)),
            record(Action.REJECT, 16.0, ("A", 5.0), ("C", 11.0)),
            record(Action.ACCEPT, 2.0, ("B", 2.0)),
            record(Action.ACCEPT, 7.0, ("A", 7.0), would=Action.TAG),
        ]
    )
    assert (found.spam, found.ham) == (3, 1)
    a, b = found.tallies["A"], found.tallies["B"]
    assert (a.hits, a.spam, a.ham, a.points) == (3, 3, 0, 17.0)
    assert (b.spam, b.ham) == (1, 1)
    assert a.decided == 2  # 7 - 5 and 7 - 7 are below 6, 16 - 5 is not
    assert b.overlap == ("A", 0.5)


def test_refusals_before_the_message_saw_no_rule() -> None:
    assert usage([record(Action.REJECT, 0.0, stage="rcpt")]).spam == 0

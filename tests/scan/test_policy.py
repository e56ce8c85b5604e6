from __future__ import annotations

import pytest

from filterd.core.evidence import Evidence, Failure, Proposal
from filterd.core.verdict import Action, Reply
from filterd.scan.policy import decide

NO = Reply(550, "5.7.26", "no")
LATER = Reply(451, "4.7.1", "later")
THRESHOLDS = (("tag", 6.0), ("quarantine", 10.0), ("reject", 15.0))


def proposal(action: Action, reply: Reply = NO, symbol: str = "X") -> Proposal:
    return Proposal(action, symbol, reply)


@pytest.mark.parametrize(
    ("score", "action"),
    [
        (-3.0, Action.ACCEPT),
        (5.99, Action.ACCEPT),
        (6.0, Action.TAG),
        (9.99, Action.TAG),
        (10.0, Action.QUARANTINE),
        (15.0, Action.REJECT),
        (999.0, Action.REJECT),
    ],
)
def test_the_highest_threshold_reached_decides(score: float, action: Action) -> None:
    assert decide((), score, THRESHOLDS).action is action


@pytest.mark.parametrize(
    ("evidence", "score", "action", "decisive"),
    [
        pytest.param(
            [proposal(Action.REJECT, symbol="GTUBE")],
            0.0,
            Action.REJECT,
            "GTUBE",
            id="proposal",
        ),
        pytest.param(
            [proposal(Action.GREYLIST, LATER)],
            20.0,
            Action.REJECT,
            "score 20.00 >= reject 15",
            id="score-beats-a-milder-proposal",
        ),
        pytest.param(
            [proposal(Action.REJECT, symbol="A"), proposal(Action.REJECT, symbol="B")],
            0.0,
            Action.REJECT,
            "A",
            id="first-reason-kept",
        ),
        pytest.param(
            [proposal(Action.REJECT, symbol="DMARC"), proposal(Action.REJECT, symbol="B")],
            20.0,
            Action.REJECT,
            "DMARC",
            id="a-check-says-more-than-the-score",
        ),
        pytest.param(
            [proposal(Action.REJECT), proposal(Action.ACCEPT, symbol="ALLOW")],
            20.0,
            Action.ACCEPT,
            "ALLOW",
            id="accept-caps",
        ),
        pytest.param(
            [Failure("dnsbl", "timeout", defer=True)],
            7.0,
            Action.TEMPFAIL,
            "dnsbl failed: timeout",
            id="failure-defers-what-would-pass",
        ),
        pytest.param(
            [Failure("dnsbl", "timeout", defer=True)],
            20.0,
            Action.REJECT,
            "score 20.00 >= reject 15",
            id="failure-does-not-soften-a-reject",
        ),
        pytest.param(
            [Failure("dnsbl", "timeout")], 0.0, Action.ACCEPT, "", id="ignored-failure"
        ),
    ],
)
def test_table(evidence: list[Evidence], score: float, action: Action, decisive: str) -> None:
    decision = decide(evidence, score, THRESHOLDS)
    assert (decision.action, decision.decisive) == (action, decisive)


def test_discard_is_a_reject_unless_allowed() -> None:
    evidence = [proposal(Action.DISCARD)]
    assert decide(evidence, 0.0, THRESHOLDS).action is Action.REJECT
    allowed = decide(evidence, 0.0, THRESHOLDS, allow_discard=True)
    assert allowed.action is Action.DISCARD


def test_what_refuses_mail_says_so_with_a_code_of_its_kind() -> None:
    refused = decide((), 15.0, THRESHOLDS).reply
    deferred = decide([Failure("x", "y", defer=True)], 0.0, ()).reply
    assert refused is not None
    assert deferred is not None
    assert (refused.code // 100, refused.enhanced[0]) == (5, "5")
    assert (deferred.code // 100, deferred.enhanced[0]) == (4, "4")

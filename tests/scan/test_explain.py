from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.core.verdict import Action, ScoredHit, Verdict
from filterd.scan.explain import turning
from filterd.scan.policy import decide

THRESHOLDS = (("tag", 6.0), ("quarantine", 12.0), ("reject", 15.0))


def a_verdict(
    *points: float, decisive: str = "", stage: str = "eom", **changes: object
) -> Verdict:
    hits = tuple(ScoredHit(f"S{n}", p, group="g") for n, p in enumerate(points))
    score = round(sum(points), 2)
    decision = decide((), score, THRESHOLDS)
    return Verdict(
        decision.action,
        score,
        "W",
        hits=hits,
        decisive=decisive or decision.decisive,
        thresholds=THRESHOLDS,
        stage=stage,
        **changes,  # type: ignore[arg-type]
    )


CASES = {
    "clean": (a_verdict(1.0), "5.00 points more give tag (tag 6)"),
    "tagged by one": (a_verdict(5.0, 2.0), "without S1 (2) the score 5.00 gives accept"),
    "the lightest that is enough": (
        a_verdict(6.0, 5.5, 4.0),
        "without S2 (4) the score 11.50 gives tag",
    ),
    "two are needed": (
        a_verdict(9.0, 8.0, 8.0, -1.0),
        "without S1 (8) and S2 (8) the score 8.00 gives tag",
    ),
    "many small ones": (
        a_verdict(*[1.0] * 20),
        "no few hits made it reject: 5.01 points fewer give quarantine",
    ),
    "proposal": (
        a_verdict(1.0, decisive="DMARC_FAIL_REJECT"),
        "without DMARC_FAIL_REJECT the score 1 gives accept",
    ),
    "early": (
        a_verdict(decisive="GREYLIST_FIRST", stage="rcpt"),
        "without GREYLIST_FIRST the message would have been let in to be scanned",
    ),
    "failure": (
        a_verdict(7.0, decisive="dnsbl failed: timeout"),
        "had the check dnsbl had its answer, the score gives tag",
    ),
    "software": (
        a_verdict(decisive="error"),
        "the filter itself failed; the message was not judged",
    ),
}


@pytest.mark.parametrize(("verdict", "sentence"), CASES.values(), ids=CASES)
def test_the_smallest_change_is_named(verdict: Verdict, sentence: str) -> None:
    assert turning(verdict) == sentence


def test_a_capped_group_loses_what_its_cap_took_first() -> None:
    hits = (
        ScoredHit("A", 8.0, group="net"),
        ScoredHit("B", 7.0, group="net"),
        ScoredHit("C", 7.0, group="text"),
        ScoredHit("GROUP_CAP", -6.0, "net", "net"),
    )
    verdict = Verdict(
        Action.REJECT,
        16.0,
        "W",
        hits=hits,
        decisive="score 16.00 >= reject 15",
        thresholds=THRESHOLDS,
    )
    assert turning(verdict) == "without A (8) the score 14.00 gives quarantine"


def test_a_message_that_no_threshold_can_reach() -> None:
    assert turning(Verdict(Action.ACCEPT, 1.0, "W")) == "nothing that the score can do"


@given(st.lists(st.integers(-300, 1500).map(lambda n: n / 100), min_size=1, max_size=12))
def test_what_is_named_does_turn_it(points: list[float]) -> None:
    verdict = a_verdict(*points)
    sentence = turning(verdict)
    if found := re.match(r"without (.*) the score (\S+) gives (\w+)", sentence):
        gone = {name.split()[0] for name in found[1].split(" and ")}
        left = round(sum(h.points for h in verdict.hits if h.symbol not in gone), 2)
        assert f"{left:.2f}" == found[2].replace("-0.00", "0.00")
        after = decide((), left, THRESHOLDS).action
        assert after.value == found[3]
        assert after is not verdict.action
